#include "js_arguments.h"

#include <cmath>

std::string StringProperty(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsString()) throw Napi::TypeError::New(object.Env(), std::string(name) + ": expected a string");
  return value.As<Napi::String>().Utf8Value();
}

double NumberProperty(const Napi::Object& object, const char* name, double least, double most) {
  const Napi::Value value = object.Get(name);
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : std::nan("");
  if (!(number >= least && number <= most) || std::floor(number) != number) {
    throw Napi::TypeError::New(object.Env(), std::string(name) + ": expected a whole number from " +
                                                 std::to_string(static_cast<long long>(least)) + " to " +
                                                 std::to_string(static_cast<long long>(most)));
  }
  return number;
}

Napi::Object ObjectArgument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (info.Length() <= index || !info[index].IsObject()) {
    throw Napi::TypeError::New(info.Env(), std::string(name) + ": expected an object");
  }
  return info[index].As<Napi::Object>();
}
