#pragma once

#include <string>
#include <vector>

#include "kernel_btf.h"

enum class AttachMode { kKprobe, kFentry, kTracepoint };

/// One program of the BPF object and where it goes.
struct PlannedProgram {
  const char* program;
  /// The kernel function, or "" when the program's section names its place.
  std::string function;
  bool at_return;
};

/// Which programs this kernel needs in a mode. `symbol` is the first hook, for people.
struct AttachPlan {
  AttachMode mode;
  std::string symbol;
  std::vector<PlannedProgram> programs;
};

/// Asks BTF which functions exist. Throws ProbeError (ENOENT) that names what the kernel lacks.
AttachPlan PlanAttachment(AttachMode mode, const KernelBtf& btf);
