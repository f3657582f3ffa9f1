#include "readable_fd.h"

#include <utility>

#include "probe_error.h"

ReadableFd::ReadableFd(uv_loop_t* loop, int fd, std::function<void()> on_readable, int events)
    : handle_(new uv_poll_t), on_readable_(std::move(on_readable)), events_(events) {
  const int error = uv_poll_init(loop, handle_, fd);
  if (error != 0) {
    delete handle_;
    throw ProbeError("wait for a descriptor", -error);
  }
  handle_->data = this;
}

ReadableFd::~ReadableFd() {
  handle_->data = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(handle_),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
}

void ReadableFd::Start() {
  uv_poll_start(handle_, events_, [](uv_poll_t* handle, int, int) {
    auto* self = static_cast<ReadableFd*>(handle->data);
    if (self != nullptr) self->on_readable_();
  });
}

void ReadableFd::Stop() { uv_poll_stop(handle_); }
