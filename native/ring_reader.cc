#include "ring_reader.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "../bpf/record.h"

namespace {

size_t RoundedUp(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

size_t PageBytes() { return static_cast<size_t>(getpagesize()); }

}  // namespace

RingReader::RingReader(int fd, size_t size)
    : fd_(fd),
      size_(size),
      mapped_size_(size + std::min(size, RoundedUp(RECORD_BYTES_LIMIT, PageBytes()))),
      consumer_page_("map the ring buffer", PageBytes(), PROT_READ | PROT_WRITE, MAP_SHARED, fd),
      rest_("map the ring buffer", PageBytes() + mapped_size_, PROT_READ, MAP_SHARED, fd,
            static_cast<off_t>(PageBytes())),
      consumer_(consumer_page_.At<uint64_t>()),
      producer_(rest_.At<const uint64_t>()),
      data_(rest_.At<const uint8_t>(PageBytes())),
      position_(__atomic_load_n(consumer_, __ATOMIC_ACQUIRE)) {}

const uint8_t* RingReader::Next(uint32_t* length) {
  while (position_ < __atomic_load_n(producer_, __ATOMIC_ACQUIRE)) {
    const uint64_t at = position_ & (size_ - 1);
    const uint32_t header = __atomic_load_n(reinterpret_cast<const uint32_t*>(data_ + at), __ATOMIC_ACQUIRE);
    // Records become readable in order: an unfinished one holds back those behind it.
    if (header & BPF_RINGBUF_BUSY_BIT) break;
    *length = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    if (!(header & BPF_RINGBUF_DISCARD_BIT)) return data_ + at + BPF_RINGBUF_HDR_SZ;
    Advance(*length);
  }
  return nullptr;
}

void RingReader::Advance(uint32_t length) { position_ += (length + BPF_RINGBUF_HDR_SZ + 7) & ~uint64_t{7}; }

size_t RingReader::Collect(uint32_t* offsets, size_t most) {
  size_t count = 0;
  uint32_t length;
  while (count < most) {
    const uint8_t* record = Next(&length);
    if (record == nullptr) break;
    offsets[count++] = static_cast<uint32_t>(record - data_);
    Advance(length);
  }
  return count;
}

bool RingReader::Collected() const { return position_ != __atomic_load_n(consumer_, __ATOMIC_RELAXED); }

void RingReader::Release() { __atomic_store_n(consumer_, position_, __ATOMIC_RELEASE); }

size_t RingReader::UsedBytes() const {
  // In this order the difference is never negative, whoever moves them meanwhile.
  const uint64_t consumed = __atomic_load_n(consumer_, __ATOMIC_ACQUIRE);
  return static_cast<size_t>(__atomic_load_n(producer_, __ATOMIC_ACQUIRE) - consumed);
}
