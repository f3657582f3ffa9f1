#include "bpf_variable.h"

#include <bpf/btf.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "probe_error.h"

namespace {

constexpr char kSection[] = ".bss";

}  // namespace

Mapping MapVariables(const struct bpf_object* object) {
  struct bpf_map* map;
  bpf_object__for_each_map(map, object) {
    // The name of the object comes first.
    const char* dot = strrchr(bpf_map__name(map), '.');
    if (dot == nullptr || strcmp(dot, kSection) != 0) continue;
    return {"map the variables of the BPF programs", WholePages(bpf_map__value_size(map)), PROT_READ | PROT_WRITE,
            MAP_SHARED, bpf_map__fd(map)};
  }
  throw ProbeError("find the variables of the BPF programs", ENOENT);
}

size_t VariableOffset(const struct bpf_object* object, const char* name) {
  const struct btf* btf = bpf_object__btf(object);
  const int id = btf__find_by_name_kind(btf, kSection, BTF_KIND_DATASEC);
  const struct btf_type* section = btf__type_by_id(btf, static_cast<__u32>(id < 0 ? 0 : id));
  const struct btf_var_secinfo* variables = btf_var_secinfos(section);
  for (int i = 0; id > 0 && i < btf_vlen(section); i++) {
    const struct btf_type* variable = btf__type_by_id(btf, variables[i].type);
    if (strcmp(btf__name_by_offset(btf, variable->name_off), name) == 0) return variables[i].offset;
  }
  throw ProbeError(std::string("find the variable ") + name + " of the BPF programs", ENOENT);
}
