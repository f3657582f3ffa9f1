#pragma once

#include <cstddef>
#include <cstdint>

#include "mapping.h"

/// Reads a BPF ring buffer in place. The kernel lays the data out twice in a row, so every record is in one piece
/// (kernel/bpf/ringbuf.c describes the layout: consumer page, producer page, data). Of the second time only as much is
/// mapped as the longest record needs: every mapped page counts as memory of the process.
class RingReader {
 public:
  /// Maps the ring of the map `fd` with `size` bytes of data. Throws ProbeError.
  RingReader(int fd, size_t size);
  RingReader(const RingReader&) = delete;
  RingReader& operator=(const RingReader&) = delete;

  const uint8_t* data() const { return data_; }
  /// Bytes of data.
  size_t size() const { return size_; }
  /// Bytes that can be read at data(): a record that begins near the end goes on behind it.
  size_t mapped_size() const { return mapped_size_; }
  int fd() const { return fd_; }

  /// Writes the offsets in data() of the next finished records, `most` at most. They stay until Release().
  size_t Collect(uint32_t* offsets, size_t most);
  /// Hands the next finished records to `take(record, length)`, one by one, until there are none or it returns false:
  /// that one comes again. The space of those that were taken goes back to the kernel. Nothing may be collected.
  template <typename Take>
  void Consume(Take take) {
    const uint8_t* record;
    uint32_t length;
    while ((record = Next(&length)) != nullptr && take(record, length)) Advance(length);
    Release();
  }
  /// Whether anything collected was not yet released.
  bool Collected() const;
  /// Gives the space of everything collected so far back to the kernel.
  void Release();
  /// Bytes that the kernel has reserved and that were not given back.
  size_t UsedBytes() const;

 private:
  /// The next finished record, or null; passes those that the kernel discarded.
  const uint8_t* Next(uint32_t* length);
  /// Passes a record.
  void Advance(uint32_t length);

  int fd_;
  size_t size_;
  size_t mapped_size_;
  Mapping consumer_page_;
  Mapping rest_;
  uint64_t* consumer_;
  const uint64_t* producer_;
  const uint8_t* data_;
  uint64_t position_;
};
