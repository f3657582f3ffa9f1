#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>

#include "mapping.h"
#include "ring_reader.h"
#include "unique_fd.h"

/// Records on their way from the ring to a reader that can be late. A thread of its own watches how full the ring is,
/// whatever the reader does meanwhile: from an eighth on it moves the records into memory every two milliseconds, as
/// long as there is room, until the reader has caught up. Copying a record takes a fiftieth of the time that making a
/// line of it takes. Memory is taken only as records wait, and given back as they are gone.
///
/// Collect() and Release() come from one thread, the reader's.
class Backlog {
 public:
  /// Reserves room for `bytes`, whole pages. `armed`: not 0 while the kernel wakes whoever waits for the ring with the
  /// next record. Nothing of the ring may be collected; it is read through this object only from now on. Throws
  /// ProbeError.
  Backlog(RingReader& ring, const volatile uint32_t* armed, size_t bytes);
  ~Backlog();
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  /// Readable from when the thread took records that the reader may not have been woken for, until Forget().
  int taken_fd() const { return taken_.get(); }
  void ForgetTaken();

  /// Writes the offsets of the next records, `most` at most. They stay until Release().
  size_t Collect(uint32_t* offsets, size_t most);
  /// Whether what was collected last lies in data(), and not in that of the ring.
  bool collected_here() const { return source_ == Source::kHere; }
  /// Gives up everything collected so far.
  void Release();
  /// Bytes that wait here, those collected included; not those in the ring.
  size_t UsedBytes();

 private:
  enum class Source { kRing, kHere };

  void Run();
  /// Until something is to be done; with `lock` held before and after.
  void Wait(std::unique_lock<std::mutex>& lock);
  /// All of them: with `mutex_` held.
  void Look();
  void Move();
  bool Append(const uint8_t* record, uint32_t length);
  void GiveBack();
  void Reset();
  bool Empty() const { return released_ == written_; }

  RingReader& ring_;
  const volatile uint32_t* armed_;
  size_t size_;
  size_t page_;
  Mapping memory_;
  uint8_t* data_;
  UniqueFd taken_;
  UniqueFd kick_;
  /// Of the reader's thread.
  Source source_ = Source::kRing;
  std::mutex mutex_;
  /// The reader works on records in the ring itself.
  bool held_ = false;
  bool moving_ = false;
  /// The thread waits for the kernel's wake-up or for `kick_`, however long that takes.
  bool dozing_ = false;
  bool ended_ = false;
  /// Positions that only grow; modulo `size_` they are offsets. given_back_ <= released_ <= collected_ <= written_,
  /// and written_ <= given_back_ + size_. given_back_ is at the beginning of a page.
  uint64_t written_ = 0;
  uint64_t collected_ = 0;
  uint64_t released_ = 0;
  uint64_t given_back_ = 0;
  std::thread thread_;
};
