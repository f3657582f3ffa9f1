#pragma once

#include <cstddef>

/// A compiled BPF object inside the addon.
struct EmbeddedObject {
  const void* data;
  size_t size;
};

/// The object for kernels with bpf_loop() (5.17), or the one that all kernels accept.
EmbeddedObject ProbeObject(bool has_bpf_loop);
