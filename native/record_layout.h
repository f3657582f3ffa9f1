#pragma once

#include <napi.h>

/// Describes the records of bpf/record.h to JavaScript: `{name: {size, fields: {member: [offset, bytes]}}}`.
Napi::Object RecordLayout(Napi::Env env);
