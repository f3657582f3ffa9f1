#include "clocks.h"

#include <time.h>

Napi::Value ReadClocks(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsTypedArray() ||
      info[0].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array ||
      info[0].As<Napi::TypedArray>().ElementLength() < 3) {
    throw Napi::TypeError::New(env, "out: expected a Float64Array of 3");
  }
  double* out = info[0].As<Napi::Float64Array>().Data();
  struct timespec boot, real;
  clock_gettime(CLOCK_BOOTTIME, &boot);
  clock_gettime(CLOCK_REALTIME, &real);
  double seconds = static_cast<double>(real.tv_sec - boot.tv_sec);
  double nanoseconds = static_cast<double>(real.tv_nsec - boot.tv_nsec);
  if (nanoseconds < 0) {
    nanoseconds += 1e9;
    seconds -= 1;
  }
  out[0] = seconds;
  out[1] = nanoseconds;
  out[2] = static_cast<double>(boot.tv_sec) + static_cast<double>(boot.tv_nsec) / 1e9;
  return env.Undefined();
}
