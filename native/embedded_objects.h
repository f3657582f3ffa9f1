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
  /// And programs that cannot be preempted, by bpf_preempt_disable() (6.10) around calls of functions (6.15).
  kUndisturbed,
};

EmbeddedObject ProbeObject(ProbeVariant variant);
