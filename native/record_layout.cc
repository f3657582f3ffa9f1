#include "record_layout.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>

#include "../bpf/record.h"
#include "bpf_owners.h"
#include "embedded_objects.h"
#include "libbpf_messages.h"
#include "probe_error.h"

namespace {

const struct btf_type* Resolved(const struct btf* btf, uint32_t id) {
  return btf__type_by_id(btf, static_cast<uint32_t>(std::max(0, btf__resolve_type(btf, id))));
}

RecordLayout::Record ReadRecord(const struct btf* btf, const std::string& name, const struct btf_type* type) {
  RecordLayout::Record record{name, type->size, {}};
  const struct btf_member* members = btf_members(type);
  for (uint32_t i = 0; i < btf_vlen(type); i++) {
    record.members.push_back({btf__name_by_offset(btf, members[i].name_off), btf_member_bit_offset(type, i) / 8,
                              static_cast<uint32_t>(btf__resolve_size(btf, members[i].type))});
  }
  return record;
}

void ReadConstants(const struct btf* btf, const struct btf_type* type, std::vector<RecordLayout::Constant>* constants) {
  const struct btf_enum* values = btf_enum(type);
  for (uint32_t i = 0; i < btf_vlen(type); i++)
    constants->push_back({btf__name_by_offset(btf, values[i].name_off), values[i].val});
}

RecordLayout ReadLayout() {
  LibbpfMessages messages;
  const EmbeddedObject embedded = ProbeObject(ProbeVariant::kPlain);
  const BpfObject object(bpf_object__open_mem(embedded.data, embedded.size, nullptr));
  if (object == nullptr) throw ProbeError("open the BPF object", errno, messages.text());
  const struct btf* btf = bpf_object__btf(object.get());
  const int id = btf__find_by_name_kind(btf, "record_types", BTF_KIND_STRUCT);
  if (id < 0) throw ProbeError("find struct record_types in the BTF of the programs", -id);
  const struct btf_type* types = btf__type_by_id(btf, static_cast<uint32_t>(id));
  const struct btf_member* members = btf_members(types);
  RecordLayout layout;
  for (uint32_t i = 0; i < btf_vlen(types); i++) {
    const struct btf_type* type = Resolved(btf, members[i].type);
    const char* name = btf__name_by_offset(btf, members[i].name_off);
    if (btf_is_struct(type)) {
      layout.records.push_back(ReadRecord(btf, name, type));
    } else if (btf_is_enum(type)) {
      ReadConstants(btf, type, &layout.constants);
    } else {
      throw ProbeError(std::string("read ") + name + " in the BTF of the programs", EINVAL);
    }
  }
  return layout;
}

}  // namespace

const RecordLayout::Record& RecordLayout::Find(const std::string& name) const {
  for (const Record& record : records) {
    if (record.name == name) return record;
  }
  throw ProbeError("find " + name + " among the records", ENOENT);
}

const RecordLayout& EmbeddedRecordLayout() {
  static const RecordLayout layout = ReadLayout();
  return layout;
}

Napi::Object DescribeRecordLayout(Napi::Env env) {
  const RecordLayout& layout = EmbeddedRecordLayout();
  Napi::Object records = Napi::Object::New(env);
  for (const RecordLayout::Record& record : layout.records) {
    Napi::Object fields = Napi::Object::New(env);
    for (const RecordLayout::Member& member : record.members) {
      Napi::Array place = Napi::Array::New(env, 2);
      place[0u] = Napi::Number::New(env, member.offset);
      place[1u] = Napi::Number::New(env, member.bytes);
      fields[member.name] = place;
    }
    Napi::Object described = Napi::Object::New(env);
    described["size"] = Napi::Number::New(env, record.bytes);
    described["fields"] = fields;
    records[record.name] = described;
  }
  Napi::Object constants = Napi::Object::New(env);
  for (const RecordLayout::Constant& constant : layout.constants)
    constants[constant.name] = Napi::Number::New(env, static_cast<double>(constant.value));
  Napi::Object described = Napi::Object::New(env);
  described["records"] = records;
  described["constants"] = constants;
  return described;
}
