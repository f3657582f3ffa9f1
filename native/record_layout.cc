#include "record_layout.h"

#include <cstddef>

#include "../bpf/record.h"

namespace {

struct Field {
  const char* name;
  size_t offset;
  size_t bytes;
};

#define FIELD(record, member) \
  Field { #member, offsetof(record, member), sizeof(record::member) }

constexpr Field kDeletion[] = {
    FIELD(deletion_record, kind),
    FIELD(deletion_record, length),
    FIELD(deletion_record, time_seconds),
    FIELD(deletion_record, time_nanoseconds),
    FIELD(deletion_record, process_id),
    FIELD(deletion_record, inode),
    FIELD(deletion_record, size),
    FIELD(deletion_record, allocated_bytes),
    FIELD(deletion_record, mtime_seconds),
    FIELD(deletion_record, mtime_nanoseconds),
    FIELD(deletion_record, device),
    FIELD(deletion_record, tgid),
    FIELD(deletion_record, tid),
    FIELD(deletion_record, uid),
    FIELD(deletion_record, gid),
    FIELD(deletion_record, file_uid),
    FIELD(deletion_record, file_gid),
    FIELD(deletion_record, mode),
    FIELD(deletion_record, link_count),
    FIELD(deletion_record, mount_namespace),
    FIELD(deletion_record, result),
    FIELD(deletion_record, flags),
    FIELD(deletion_record, generation),
    FIELD(deletion_record, path_offset),
    FIELD(deletion_record, path_length),
    FIELD(deletion_record, typed_length),
    FIELD(deletion_record, fs_root_length),
    FIELD(deletion_record, below_mount_length),
    FIELD(deletion_record, operation),
    FIELD(deletion_record, reserved),
    FIELD(deletion_record, comm),
    FIELD(deletion_record, padding),
};

constexpr Field kProcess[] = {
    FIELD(process_record, kind),          FIELD(process_record, length),  FIELD(process_record, process_id),
    FIELD(process_record, start_time_ns), FIELD(process_record, tgid),    FIELD(process_record, parent_tgid),
    FIELD(process_record, login_uid),     FIELD(process_record, flags),   FIELD(process_record, args_offset),
    FIELD(process_record, args_length),   FIELD(process_record, padding), FIELD(process_record, parent_comm),
};

constexpr Field kProcessText[] = {
    FIELD(process_text_record, kind),        FIELD(process_text_record, length),
    FIELD(process_text_record, process_id),  FIELD(process_text_record, which),
    FIELD(process_text_record, flags),       FIELD(process_text_record, text_offset),
    FIELD(process_text_record, text_length),
};

#undef FIELD

// Every member is listed and nothing lies between them: a member that is added or widened fails the build here.
template <size_t N>
constexpr bool Covers(const Field (&fields)[N], size_t size) {
  size_t end = 0;
  for (const Field& field : fields) {
    if (field.offset != end) return false;
    end += field.bytes;
  }
  return end == size;
}

static_assert(Covers(kDeletion, sizeof(deletion_record)), "record_layout.cc does not cover deletion_record");
static_assert(Covers(kProcess, sizeof(process_record)), "record_layout.cc does not cover process_record");
static_assert(Covers(kProcessText, sizeof(process_text_record)), "record_layout.cc does not cover process_text_record");

template <size_t N>
Napi::Object Describe(Napi::Env env, const Field (&fields)[N], size_t size) {
  Napi::Object members = Napi::Object::New(env);
  for (const Field& field : fields) {
    Napi::Array place = Napi::Array::New(env, 2);
    place[0u] = Napi::Number::New(env, static_cast<double>(field.offset));
    place[1u] = Napi::Number::New(env, static_cast<double>(field.bytes));
    members[field.name] = place;
  }
  Napi::Object record = Napi::Object::New(env);
  record["size"] = Napi::Number::New(env, static_cast<double>(size));
  record["fields"] = members;
  return record;
}

}  // namespace

Napi::Object RecordLayout(Napi::Env env) {
  Napi::Object layout = Napi::Object::New(env);
  layout["deletion"] = Describe(env, kDeletion, sizeof(deletion_record));
  layout["process"] = Describe(env, kProcess, sizeof(process_record));
  layout["processText"] = Describe(env, kProcessText, sizeof(process_text_record));
  return layout;
}
