#include <bpf/libbpf.h>
#include <napi.h>

#include <string>

#include "clocks.h"
#include "errno_name.h"
#include "js_errors.h"
#include "kernel_btf.h"
#include "kernel_mounts.h"
#include "mount_watch.h"
#include "notify_socket.h"
#include "probe.h"
#include "record_layout.h"

namespace {

/// sendDatagram(path, message)
Napi::Value SendDatagramFromJs(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 2 || !info[0].IsString() || !info[1].IsString()) {
    throw Napi::TypeError::New(env, "path and message: expected strings");
  }
  const std::string path = info[0].As<Napi::String>();
  const std::string message = info[1].As<Napi::String>();
  WithJsErrors(env, [&] { SendDatagram(path, message); });
  return env.Undefined();
}

/// kernelFunctions(names): those of `names` that the running kernel has, by its BTF.
Napi::Value KernelFunctions(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsArray()) throw Napi::TypeError::New(env, "names: expected an array");
  return WithJsErrors(env, [&]() -> Napi::Value {
    const KernelBtf btf;
    const Napi::Array names = info[0].As<Napi::Array>();
    Napi::Array present = Napi::Array::New(env);
    for (uint32_t i = 0; i < names.Length(); i++) {
      const std::string name = names.Get(i).ToString();
      if (btf.HasFunction(name)) present[present.Length()] = Napi::String::New(env, name);
    }
    return present;
  });
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports["Probe"] = Probe::Define(env);
  exports["KernelMounts"] = KernelMounts::Define(env);
  exports["MountWatch"] = MountWatch::Define(env);
  exports["readClocks"] = Napi::Function::New(env, ReadClocks, "readClocks");
  exports["errorName"] = Napi::Function::New(env, ErrorName, "errorName");
  exports["recordLayout"] = WithJsErrors(env, [&] { return DescribeRecordLayout(env); });
  exports["sendDatagram"] = Napi::Function::New(env, SendDatagramFromJs, "sendDatagram");
  exports["kernelFunctions"] = Napi::Function::New(env, KernelFunctions, "kernelFunctions");
  // "v1.1"
  exports["libbpfVersion"] = Napi::String::New(env, libbpf_version_string() + 1);
  return exports;
}

}  // namespace

NODE_API_MODULE(rmwatch, Init)
