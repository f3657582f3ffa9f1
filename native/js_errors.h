#pragma once

#include <napi.h>

#include "probe_error.h"

/// The JavaScript error for `error`: `code` is the errno's name, `operation`, `errno` and `details` tell the rest.
Napi::Error ToJsError(Napi::Env env, const ProbeError& error);

/// Runs `body`, turning a ProbeError into a JavaScript exception.
template <typename Body>
auto WithJsErrors(Napi::Env env, Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const ProbeError& error) {
    throw ToJsError(env, error);
  }
}
