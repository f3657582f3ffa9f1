#include "errno_name.h"

#include <cstring>

Napi::Value ErrorName(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsNumber()) throw Napi::TypeError::New(env, "number: expected a number");
  const char* name = strerrorname_np(info[0].As<Napi::Number>().Int32Value());
  return name == nullptr ? env.Undefined() : Napi::String::New(env, name);
}
