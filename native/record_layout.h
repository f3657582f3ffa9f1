#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

/// What the BTF of the embedded programs says of bpf/record.h: the members of struct record_types.
struct RecordLayout {
  struct Member {
    std::string name;
    uint32_t offset;
    uint32_t bytes;
  };
  struct Record {
    std::string name;
    uint32_t bytes;
    std::vector<Member> members;
  };
  struct Constant {
    std::string name;
    int64_t value;
  };
  std::vector<Record> records;
  std::vector<Constant> constants;

  /// The record of that name; throws ProbeError (ENOENT).
  const Record& Find(const std::string& name) const;
};

/// Read once, then kept. Throws ProbeError.
const RecordLayout& EmbeddedRecordLayout();

/// { records: { NAME: { size, fields: { NAME: [offset, bytes] } } }, constants: { NAME: value } }
Napi::Object DescribeRecordLayout(Napi::Env env);
