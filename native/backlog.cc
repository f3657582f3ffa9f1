#include "backlog.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "probe_error.h"

namespace {

/// Between two looks at a ring that is in use. A ring of 16 MiB takes 200 ms to fill on two processors, and 25 ms at
/// the most that one ring takes from any number of them.
constexpr int kLookMs = 10;
/// The same while it is emptied.
constexpr int kMoveMs = 2;
/// Moved at most while the reader may wait for the mutex: about a millisecond.
constexpr size_t kMoveBytes = 4 << 20;

/// Parts of the ring: with one of kFilling in use, the thread begins to empty it; with less than one of kCaughtUp
/// waiting in all, the reader reads the ring in place again.
constexpr size_t kFilling = 8;
constexpr size_t kCaughtUp = 16;

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

UniqueFd EventFd() {
  UniqueFd fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) throw ProbeError("make an event descriptor", errno);
  return fd;
}

/// Neither can fail: the counter is far from its end, and without an event there is nothing to read.
void Signal(const UniqueFd& fd) { (void)!eventfd_write(fd.get(), 1); }
void Clear(const UniqueFd& fd) {
  eventfd_t count;
  (void)!eventfd_read(fd.get(), &count);
}

}  // namespace

Backlog::Backlog(RingReader& ring, const volatile uint32_t* armed, size_t bytes)
    : ring_(ring),
      armed_(armed),
      size_(bytes),
      page_(static_cast<size_t>(getpagesize())),
      memory_("reserve memory for a backlog", size_, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE),
      data_(memory_.At<uint8_t>()),
      taken_(EventFd()),
      kick_(EventFd()) {
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
  Signal(kick_);
  thread_.join();
}

void Backlog::Run() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!ended_) {
    Look();
    Wait(lock);
  }
}

void Backlog::Look() {
  // What the reader has in its hands goes back within the same turn of its loop.
  if (!moving_ && !held_ && ring_.UsedBytes() > ring_.size() / kFilling) {
    moving_ = true;
    Signal(taken_);
  }
  if (moving_) Move();
}

void Backlog::Wait(std::unique_lock<std::mutex>& lock) {
  // A ring that the kernel tells of need not be looked at. It forgets that with the record it tells of: whether the
  // reader was faster or not, one of the two descriptors is readable then.
  dozing_ = !moving_ && __atomic_load_n(armed_, __ATOMIC_RELAXED) != 0;
  const bool dozing = dozing_;
  const int pause = dozing ? -1 : moving_ ? kMoveMs : kLookMs;
  lock.unlock();
  struct pollfd fds[] = {{kick_.get(), POLLIN, 0}, {ring_.fd(), POLLIN, 0}};
  (void)!poll(fds, dozing ? 2 : 1, pause);
  Clear(kick_);
  lock.lock();
  dozing_ = false;
}

void Backlog::ForgetTaken() { Clear(taken_); }

size_t Backlog::Collect(uint32_t* offsets, size_t most) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (dozing_) Signal(kick_);
  const size_t waiting = ring_.UsedBytes() + static_cast<size_t>(written_ - released_);
  if (moving_ && waiting < ring_.size() / kCaughtUp) moving_ = false;
  if (Empty() && moving_) Move();
  if (Empty() && !moving_) {
    if (written_ != 0) Reset();
    const size_t count = ring_.Collect(offsets, most);
    held_ = ring_.Collected();
    source_ = Source::kRing;
    return count;
  }
  source_ = Source::kHere;
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
  if (source_ == Source::kRing) {
    ring_.Release();
    held_ = false;
    return;
  }
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

void Backlog::Reset() {
  written_ = collected_ = released_ = given_back_ = 0;
  madvise(data_, size_, MADV_DONTNEED);
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
