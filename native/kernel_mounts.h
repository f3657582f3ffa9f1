#pragma once

#include <napi.h>

#include <memory>

#include "mount_lister.h"

/// The JavaScript class `KernelMounts`: the mounts of the host as the kernel itself has them.
/// src/probe/native-probe.ts describes its methods.
class KernelMounts : public Napi::ObjectWrap<KernelMounts> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit KernelMounts(const Napi::CallbackInfo& info);

 private:
  Napi::Value Read(const Napi::CallbackInfo& info);
  Napi::Value Changes(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  MountLister& Lister(Napi::Env env);

  std::unique_ptr<MountLister> lister_;
};
