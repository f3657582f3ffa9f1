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
  /// Reads the kernel's memory by plain loads as well, after bpf_rdonly_cast() (6.2).
  kDirect,
};

EmbeddedObject ProbeObject(ProbeVariant variant);

/// Of bpf/mount_listing.bpf.c.
EmbeddedObject MountListingObject();
