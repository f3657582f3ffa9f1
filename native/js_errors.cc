#include "js_errors.h"

Napi::Error ToJsError(Napi::Env env, const ProbeError& error) {
  Napi::Error js_error = Napi::Error::New(env, error.what());
  js_error.Set("code", Napi::String::New(env, ErrnoName(error.error())));
  js_error.Set("errno", Napi::Number::New(env, error.error()));
  js_error.Set("operation", Napi::String::New(env, error.operation()));
  js_error.Set("details", Napi::String::New(env, error.details()));
  return js_error;
}
