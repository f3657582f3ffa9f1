#include "mount_watch.h"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>
#include <string>

#include "js_errors.h"

namespace {

UniqueFd Opened(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw ProbeError("open " + path, errno);
  return UniqueFd(fd);
}

}  // namespace

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
    fd_ = Opened(path);
    asked_fd_ = Opened(path);
    uv_loop_t* loop = nullptr;
    napi_get_uv_event_loop(env_, &loop);
    readable_ = std::make_unique<ReadableFd>(
        loop, fd_.get(),
        [this] {
          Napi::HandleScope scope(env_);
          try {
            callback_.MakeCallback(Napi::Env(env_).Global(), {}, *context_);
          } catch (const Napi::Error& error) {
            napi_fatal_exception(env_, error.Value());
          }
        },
        UV_PRIORITIZED);
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
  fd_.Reset();
  asked_fd_.Reset();
}

Napi::Value MountWatch::Changed(const Napi::CallbackInfo& info) {
  struct pollfd asked = {asked_fd_.get(), POLLPRI, 0};
  // A closed watch has nothing to say.
  const bool changed = asked_fd_ && poll(&asked, 1, 0) > 0 && (asked.revents & (POLLPRI | POLLERR)) != 0;
  return Napi::Boolean::New(info.Env(), changed);
}

Napi::Value MountWatch::Close(const Napi::CallbackInfo& info) {
  TakeDown();
  return info.Env().Undefined();
}
