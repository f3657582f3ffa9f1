#include "kernel_btf.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>

#include "libbpf_messages.h"
#include "probe_error.h"

KernelBtf::KernelBtf() {
  LibbpfMessages messages;
  btf_ = btf__load_vmlinux_btf();
  if (btf_ == nullptr) throw ProbeError("read the kernel's BTF", errno, messages.text());
}

KernelBtf::~KernelBtf() { btf__free(btf_); }

bool KernelBtf::HasFunction(const std::string& name) const {
  return btf__find_by_name_kind(btf_, name.c_str(), BTF_KIND_FUNC) > 0;
}

std::string KernelBtf::FirstFunction(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    if (HasFunction(name)) return name;
  }
  return "";
}

bool KernelBtf::HasHelper(const std::string& name) const {
  const int id = btf__find_by_name_kind(btf_, "bpf_func_id", BTF_KIND_ENUM);
  if (id <= 0) return false;
  const struct btf_type* type = btf__type_by_id(btf_, static_cast<__u32>(id));
  const struct btf_enum* values = btf_enum(type);
  const std::string wanted = "BPF_FUNC_" + name;
  for (int i = 0; i < btf_vlen(type); i++) {
    if (wanted == btf__name_by_offset(btf_, values[i].name_off)) return true;
  }
  return false;
}
