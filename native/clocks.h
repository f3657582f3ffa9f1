#pragma once

#include <napi.h>

/// readClocks(out: Float64Array): seconds and nanoseconds to add to CLOCK_BOOTTIME for CLOCK_REALTIME, then the
/// seconds of CLOCK_BOOTTIME now. Read for every batch: the wall clock may be set at any time.
Napi::Value ReadClocks(const Napi::CallbackInfo& info);
