#pragma once

#include <bpf/libbpf.h>

#include <cstddef>

#include "mapping.h"

/// Maps the variables of a loaded BPF object that start as zeros (.bss). Throws ProbeError.
Mapping MapVariables(const struct bpf_object* object);
/// Where one of them is. Throws ProbeError (ENOENT) for a name that none has.
size_t VariableOffset(const struct bpf_object* object, const char* name);

/// A variable of a loaded BPF object that starts as zeros, shared with its programs. It outlives the object.
template <typename T>
class BpfVariable {
 public:
  BpfVariable() = default;
  /// Throws ProbeError.
  BpfVariable(const struct bpf_object* object, const char* name)
      : mapping_(MapVariables(object)), value_(mapping_.At<T>(VariableOffset(object, name))) {}

  T& operator*() const { return *value_; }
  T* operator->() const { return value_; }

 private:
  Mapping mapping_;
  T* value_ = nullptr;
};
