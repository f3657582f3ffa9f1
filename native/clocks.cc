#include "clocks.h"

#include <time.h>

#include <cstdint>

namespace {

constexpr int kTries = 5;
constexpr int64_t kGoodEnoughNanoseconds = 2000;

}  // namespace

Napi::Value ReadClocks(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsTypedArray() ||
      info[0].As<Napi::TypedArray>().TypedArrayType() != napi_float64_array ||
      info[0].As<Napi::TypedArray>().ElementLength() < 3) {
    throw Napi::TypeError::New(env, "out: expected a Float64Array of 3");
  }
  double* out = info[0].As<Napi::Float64Array>().Data();
  // The two clocks can only be read one after the other: of a few tries the one that was interrupted least counts.
  struct timespec boot = {}, real = {};
  int64_t least = INT64_MAX;
  for (int i = 0; i < kTries && least > kGoodEnoughNanoseconds; i++) {
    struct timespec before, between, after;
    clock_gettime(CLOCK_BOOTTIME, &before);
    clock_gettime(CLOCK_REALTIME, &between);
    clock_gettime(CLOCK_BOOTTIME, &after);
    const int64_t took = (after.tv_sec - before.tv_sec) * int64_t{1000000000} + after.tv_nsec - before.tv_nsec;
    if (took >= least) continue;
    least = took;
    boot = before;
    real = between;
  }
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
