#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>

#include "mapping.h"
#include "ring_reader.h"

/// Records on their way from a ring that fills up to a reader that is slower for a while. A thread of its own empties
/// the ring every two milliseconds, as long as there is room: copying a record takes a fiftieth of the time that making
/// a line of it takes. Memory is taken only as records wait, and given back as they are gone.
class Backlog {
 public:
  /// Reserves room for `bytes`, whole pages, and begins to empty the ring: nobody else may read it from now on
  /// until Close(). Throws ProbeError.
  Backlog(RingReader& ring, size_t bytes);
  ~Backlog();
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;

  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  bool open() const { return open_; }

  /// Begins again after Close().
  void Open();
  /// No longer empties the ring. True: nothing is left here either, and the ring may be read by others again.
  bool Close();
  /// Writes the offsets in data() of the next records, `most` at most, and takes what the ring has when there are none.
  /// They stay until Release().
  size_t Collect(uint32_t* offsets, size_t most);
  /// Gives up everything collected so far.
  void Release();
  /// Bytes that wait, those collected included.
  size_t UsedBytes();

 private:
  void Run();
  /// All of them: with `mutex_` held.
  void Move();
  bool Append(const uint8_t* record, uint32_t length);
  void GiveBack();
  bool Empty() const { return released_ == written_; }

  RingReader& ring_;
  size_t size_;
  size_t page_;
  Mapping memory_;
  uint8_t* data_;
  std::mutex mutex_;
  std::condition_variable changed_;
  /// Written under `mutex_` by the reader's thread, which alone may read it without.
  bool open_ = true;
  bool moving_ = true;
  bool ended_ = false;
  /// Positions that only grow; modulo `size_` they are offsets. given_back_ <= released_ <= collected_ <= written_,
  /// and written_ <= given_back_ + size_. given_back_ is at the beginning of a page.
  uint64_t written_ = 0;
  uint64_t collected_ = 0;
  uint64_t released_ = 0;
  uint64_t given_back_ = 0;
  std::thread thread_;
};
