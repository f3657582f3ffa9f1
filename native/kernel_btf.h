#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpf_owners.h"

/// The type information of the running kernel, which says what it has; version strings do not.
class KernelBtf {
 public:
  /// Throws ProbeError when the kernel has none (CONFIG_DEBUG_INFO_BTF).
  KernelBtf();

  bool HasFunction(const std::string& name) const;
  /// The first of `names` that is a function of this kernel, or "".
  std::string FirstFunction(const std::vector<std::string>& names) const;
  /// Whether the helper "bpf_NAME" exists, by its BPF_FUNC_NAME in enum bpf_func_id.
  bool HasHelper(const std::string& name) const;

  /// Whether the struct, or an anonymous one within it, has the member.
  bool HasMember(const std::string& structure, const std::string& member) const;

  /// Where a struct xfs_inode keeps the numbers of its blocks, in bytes from its struct inode on.
  struct XfsLayout {
    int32_t blocks;
    int32_t delayed_blocks;
  };
  /// nullopt when xfs is not loaded, or keeps them in another way.
  std::optional<XfsLayout> FindXfsLayout() const;

 private:
  Btf btf_;
};
