#include "kernel_mounts.h"

#include <string>

#include "js_errors.h"

Napi::Function KernelMounts::Define(Napi::Env env) {
  return DefineClass(env, "KernelMounts",
                     {InstanceMethod("read", &KernelMounts::Read), InstanceMethod("changes", &KernelMounts::Changes),
                      InstanceMethod("close", &KernelMounts::Close)});
}

KernelMounts::KernelMounts(const Napi::CallbackInfo& info) : Napi::ObjectWrap<KernelMounts>(info) {
  lister_ = WithJsErrors(info.Env(), [] { return std::make_unique<MountLister>(); });
}

Napi::Value KernelMounts::Read(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string text = WithJsErrors(env, [&] { return Lister(env).Read(); });
  return Napi::Buffer<char>::Copy(env, text.data(), text.size());
}

Napi::Value KernelMounts::Changes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Napi::Number::New(env, static_cast<double>(WithJsErrors(env, [&] { return Lister(env).Changes(); })));
}

Napi::Value KernelMounts::Close(const Napi::CallbackInfo& info) {
  lister_.reset();
  return info.Env().Undefined();
}

MountLister& KernelMounts::Lister(Napi::Env env) {
  if (lister_ == nullptr) throw Napi::Error::New(env, "the list of mounts is closed");
  return *lister_;
}
