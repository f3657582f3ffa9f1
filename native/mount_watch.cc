#include "mount_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "js_errors.h"

Napi::Function MountWatch::Define(Napi::Env env) {
  return DefineClass(env, "MountWatch",
                     {InstanceMethod("changed", &MountWatch::Changed), InstanceMethod("close", &MountWatch::Close)});
}

MountWatch::MountWatch(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MountWatch>(info), env_(info.Env()) {
  if (info.Length() < 2 || !info[0].IsString() || !info[1].IsFunction()) {
    throw Napi::TypeError::New(env_, "path and callback: expected a string and a function");
  }
  const std::string path = info[0].As<Napi::String>();
  callback_ = Napi::Persistent(info[1].As<Napi::Function>());
  context_ = std::make_unique<Napi::AsyncContext>(env_, "rmwatch:mounts");
  WithJsErrors(env_, [&] {
    fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) throw ProbeError("open " + path, errno);
    asked_fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (asked_fd_ < 0) {
      const int error = errno;
      close(fd_);
      throw ProbeError("open " + path, error);
    }
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(env_, &loop);
    try {
      readable_ = std::make_unique<ReadableFd>(
          loop, fd_,
          [this] {
            Napi::HandleScope scope(env_);
            try {
              callback_.MakeCallback(Napi::Env(env_).Global(), {}, *context_);
            } catch (const Napi::Error& error) {
              napi_fatal_exception(env_, error.Value());
            }
          },
          UV_PRIORITIZED);
    } catch (...) {
      close(fd_);
      close(asked_fd_);
      throw;
    }
    readable_->Start();
  });
  napi_add_env_cleanup_hook(env_, OnEnvironmentEnd, this);
  hooked_ = true;
}

MountWatch::~MountWatch() { TakeDown(); }

void MountWatch::OnEnvironmentEnd(void* watch) {
  auto* self = static_cast<MountWatch*>(watch);
  self->hooked_ = false;
  self->TakeDown();
}

void MountWatch::TakeDown() {
  if (hooked_) napi_remove_env_cleanup_hook(env_, OnEnvironmentEnd, this);
  hooked_ = false;
  readable_.reset();
  if (fd_ >= 0) close(fd_);
  if (asked_fd_ >= 0) close(asked_fd_);
  fd_ = -1;
  asked_fd_ = -1;
}

Napi::Value MountWatch::Changed(const Napi::CallbackInfo& info) {
  struct pollfd asked = {asked_fd_, POLLPRI, 0};
  // A closed watch has nothing to say.
  const bool changed = asked_fd_ >= 0 && poll(&asked, 1, 0) > 0 && (asked.revents & (POLLPRI | POLLERR)) != 0;
  return Napi::Boolean::New(info.Env(), changed);
}

Napi::Value MountWatch::Close(const Napi::CallbackInfo& info) {
  TakeDown();
  return info.Env().Undefined();
}
