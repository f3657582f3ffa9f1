#include "kernel_btf.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "libbpf_messages.h"
#include "probe_error.h"

KernelBtf::KernelBtf() {
  LibbpfMessages messages;
  btf_.reset(btf__load_vmlinux_btf());
  if (btf_ == nullptr) throw ProbeError("read the kernel's BTF", errno, messages.text());
}

bool KernelBtf::HasFunction(const std::string& name) const {
  return btf__find_by_name_kind(btf_.get(), name.c_str(), BTF_KIND_FUNC) > 0;
}

std::string KernelBtf::FirstFunction(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    if (HasFunction(name)) return name;
  }
  return "";
}

bool KernelBtf::HasHelper(const std::string& name) const {
  const int id = btf__find_by_name_kind(btf_.get(), "bpf_func_id", BTF_KIND_ENUM);
  if (id <= 0) return false;
  const struct btf_type* type = btf__type_by_id(btf_.get(), static_cast<__u32>(id));
  const struct btf_enum* values = btf_enum(type);
  const std::string wanted = "BPF_FUNC_" + name;
  for (int i = 0; i < btf_vlen(type); i++) {
    if (wanted == btf__name_by_offset(btf_.get(), values[i].name_off)) return true;
  }
  return false;
}

namespace {

/// Byte offset of a member of a struct, -1 when there is none. `member_type` receives its type.
int32_t MemberOffset(const struct btf* btf, int id, const char* name, int* member_type = nullptr) {
  if (id <= 0) return -1;
  const struct btf_type* type = btf__type_by_id(btf, static_cast<__u32>(id));
  const struct btf_member* members = btf_members(type);
  for (__u32 i = 0; i < btf_vlen(type); i++) {
    if (strcmp(btf__name_by_offset(btf, members[i].name_off), name) != 0) continue;
    if (member_type != nullptr) *member_type = static_cast<int>(members[i].type);
    return static_cast<int32_t>(btf_member_bit_offset(type, i) / 8);
  }
  return -1;
}

bool TypeHasMember(const struct btf* btf, __u32 id, const std::string& member) {
  const struct btf_type* type = btf__type_by_id(btf, id);
  if (type == nullptr || !btf_is_composite(type)) return false;
  const struct btf_member* members = btf_members(type);
  for (__u32 i = 0; i < btf_vlen(type); i++) {
    if (member == btf__name_by_offset(btf, members[i].name_off)) return true;
    // Only what has no type name: a named type's members are its own.
    const struct btf_type* inner = btf__type_by_id(btf, members[i].type);
    if (inner != nullptr && inner->name_off == 0 && TypeHasMember(btf, members[i].type, member)) return true;
  }
  return false;
}

}  // namespace

bool KernelBtf::HasMember(const std::string& structure, const std::string& member) const {
  const int id = btf__find_by_name_kind(btf_.get(), structure.c_str(), BTF_KIND_STRUCT);
  return id > 0 && TypeHasMember(btf_.get(), static_cast<__u32>(id), member);
}

std::optional<KernelBtf::XfsLayout> KernelBtf::FindXfsLayout() const {
  LibbpfMessages messages;
  Btf module;
  const struct btf* btf = btf_.get();
  if (btf__find_by_name_kind(btf, "xfs_inode", BTF_KIND_STRUCT) <= 0) {
    module.reset(btf__load_module_btf("xfs", btf_.get()));
    if (module == nullptr) return std::nullopt;
    btf = module.get();
  }
  const int inode = btf__find_by_name_kind(btf, "xfs_inode", BTF_KIND_STRUCT);
  const int32_t vfs_inode = MemberOffset(btf, inode, "i_vnode");
  const int32_t delayed = MemberOffset(btf, inode, "i_delayed_blks");
  int32_t blocks = MemberOffset(btf, inode, "i_nblocks");
  if (blocks < 0) {
    // Before 6e73a545f91e ("xfs: move the di_nblocks field to struct xfs_inode", 5.14).
    int core = 0;
    const int32_t core_at = MemberOffset(btf, inode, "i_d", &core);
    const int32_t in_core = core_at < 0 ? -1 : MemberOffset(btf, core, "di_nblocks");
    if (in_core >= 0) blocks = core_at + in_core;
  }
  if (vfs_inode < 0 || delayed < 0 || blocks < 0 || blocks == vfs_inode) return std::nullopt;
  return XfsLayout{blocks - vfs_inode, delayed - vfs_inode};
}
