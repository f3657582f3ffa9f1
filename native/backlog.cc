#include "backlog.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <system_error>

#include "probe_error.h"

namespace {

/// The ring of 16 MiB takes a hundred times as long to fill on two processors.
constexpr std::chrono::milliseconds kInterval{2};
/// Moved at most while the reader may wait for the mutex: about a millisecond.
constexpr size_t kMoveBytes = 4 << 20;

/// Memory goes back to the system in pieces of this size, or of a quarter of all: rarely enough to cost nothing.
constexpr size_t kGiveBackBytes = 4 << 20;

/// Before every record.
struct Header {
  uint32_t length;
  uint32_t unused;
};
/// Instead of a length: the next record is at the beginning of the memory.
constexpr uint32_t kWrap = UINT32_MAX;

size_t EntryBytes(uint32_t length) { return sizeof(Header) + ((length + size_t{7}) & ~size_t{7}); }

}  // namespace

Backlog::Backlog(RingReader& ring, size_t bytes)
    : ring_(ring),
      size_(bytes),
      page_(static_cast<size_t>(getpagesize())),
      memory_("reserve memory for a backlog", size_, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE),
      data_(memory_.At<uint8_t>()) {
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error& error) {
    throw ProbeError("start a thread", error.code().value());
  }
}

Backlog::~Backlog() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Backlog::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!ended_) {
    if (moving_) {
      Move();
      changed_.wait_for(lock, kInterval);
    } else {
      changed_.wait(lock);
    }
  }
}

void Backlog::Open() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    open_ = moving_ = true;
  }
  changed_.notify_one();
}

bool Backlog::Close() {
  const std::lock_guard<std::mutex> lock(mutex_);
  moving_ = false;
  if (!Empty()) return false;
  open_ = false;
  written_ = collected_ = released_ = given_back_ = 0;
  madvise(data_, size_, MADV_DONTNEED);
  return true;
}

size_t Backlog::Collect(uint32_t* offsets, size_t most) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (Empty()) Move();
  size_t count = 0;
  while (collected_ < written_ && count < most) {
    const size_t at = collected_ % size_;
    Header header;
    memcpy(&header, data_ + at, sizeof(header));
    if (header.length == kWrap) {
      collected_ += size_ - at;
      continue;
    }
    offsets[count++] = static_cast<uint32_t>(at + sizeof(Header));
    collected_ += EntryBytes(header.length);
  }
  return count;
}

void Backlog::Release() {
  const std::lock_guard<std::mutex> lock(mutex_);
  released_ = collected_;
  if (released_ - given_back_ >= std::min(kGiveBackBytes, size_ / 4)) GiveBack();
}

size_t Backlog::UsedBytes() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<size_t>(written_ - released_);
}

void Backlog::GiveBack() {
  const uint64_t end = released_ - released_ % page_;
  const size_t from = given_back_ % size_;
  const size_t to = end % size_;
  if (from < to) {
    madvise(data_ + from, to - from, MADV_DONTNEED);
  } else if (given_back_ < end) {
    madvise(data_ + from, size_ - from, MADV_DONTNEED);
    madvise(data_, to, MADV_DONTNEED);
  }
  given_back_ = end;
}

void Backlog::Move() {
  size_t moved = 0;
  ring_.Consume([&](const uint8_t* record, uint32_t length) {
    if (moved >= kMoveBytes || !Append(record, length)) return false;
    moved += length;
    return true;
  });
}

bool Backlog::Append(const uint8_t* record, uint32_t length) {
  const size_t bytes = EntryBytes(length);
  const size_t at = written_ % size_;
  const size_t skipped = bytes > size_ - at ? size_ - at : 0;
  // Not up to `released_`: what lies between would be given back with new records in it.
  if (written_ + skipped + bytes - given_back_ > size_) return false;
  if (skipped > 0) {
    const Header wrap = {kWrap, 0};
    memcpy(data_ + at, &wrap, sizeof(wrap));
    written_ += skipped;
  }
  uint8_t* entry = data_ + written_ % size_;
  const Header header = {length, 0};
  memcpy(entry, &header, sizeof(header));
  memcpy(entry + sizeof(header), record, length);
  written_ += bytes;
  return true;
}
