#pragma once

#include <cstddef>

/// A compiled BPF object inside the addon.
struct EmbeddedObject {
  const void* data;
  size_t size;
};

/// The same program for different kernels.
enum class ProbeVariant {
  /// Bounded loops only: every kernel from 5.10 on.
  kPlain,
  /// Walks of any length, by bpf_loop() (5.17).
  kLoop,
};

EmbeddedObject ProbeObject(ProbeVariant variant);
