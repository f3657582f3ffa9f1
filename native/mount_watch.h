#pragma once

#include <napi.h>

#include <memory>

#include "readable_fd.h"
#include "unique_fd.h"

/// The JavaScript class `MountWatch`: `new MountWatch(path, callback)` calls back when the mount table in `path`
/// (/proc/PID/mountinfo) changes, which the kernel tells by POLLPRI and nothing in Node.js can wait for. `changed()`
/// says at once whether it did since it was asked last, whatever waits on the event loop.
class MountWatch : public Napi::ObjectWrap<MountWatch> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit MountWatch(const Napi::CallbackInfo& info);
  ~MountWatch() override;

 private:
  Napi::Value Changed(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  void TakeDown();
  static void OnEnvironmentEnd(void* watch);

  napi_env env_;
  UniqueFd fd_;
  /// Every open file is told of a change once, so each of the two askers has its own.
  UniqueFd asked_fd_;
  bool hooked_ = false;
  std::unique_ptr<ReadableFd> readable_;
  Napi::FunctionReference callback_;
  std::unique_ptr<Napi::AsyncContext> context_;
};
