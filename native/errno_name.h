#pragma once

#include <napi.h>

/// errorName(number): "ENOENT" for 2; undefined for a number that the C library does not know.
Napi::Value ErrorName(const Napi::CallbackInfo& info);
