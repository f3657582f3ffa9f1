#pragma once

#include <uv.h>

#include <functional>

/// Calls back on the event loop when a descriptor is ready, while started.
class ReadableFd {
 public:
  /// Throws ProbeError. The descriptor stays the caller's and must outlive this object.
  /// `events`: UV_READABLE, UV_PRIORITIZED.
  ReadableFd(uv_loop_t* loop, int fd, std::function<void()> on_readable, int events = UV_READABLE);
  ~ReadableFd();
  ReadableFd(const ReadableFd&) = delete;
  ReadableFd& operator=(const ReadableFd&) = delete;

  void Start();
  void Stop();

 private:
  // libuv still uses the handle until its close callback runs, which may be after this object is gone.
  uv_poll_t* handle_;
  std::function<void()> on_readable_;
  int events_;
};
