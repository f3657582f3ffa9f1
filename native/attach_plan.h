#pragma once

#include <string>
#include <vector>

#include "kernel_btf.h"

enum class AttachMode { kKprobe, kFentry, kTracepoint };

/// What carries a program.
enum class ProgramKind { kKprobe, kKprobeMulti, kKretprobe, kFentry, kFexit, kTracepoint };

/// The name that people read: "kprobe", "kprobe.multi", ...
const char* KindName(ProgramKind kind);

/// When a program runs; see bpf/attempt.bpf.h.
enum class HookRole {
  /// Before the success: the call's entry, the victim.
  kBefore,
  /// The name was removed: tells the deletion.
  kSuccess,
  /// A thread ends: what its last call left behind is given back.
  kThreadEnd,
  /// The call returns: tells failures, and is attached only while they are wanted.
  kReturn,
  /// A rename returns: as kReturn, and tells what a thread of the filesystem has renamed for it.
  kRenameReturn,
};

/// One program of the BPF object and where it goes.
struct PlannedProgram {
  const char* program;
  /// The kernel function, or "" when the program's section names its place.
  std::string function;
  ProgramKind kind;
  HookRole role;
  /// Another program does the same at the same function: at a return instead of this one, elsewhere beside it.
  bool optional;
};

/// Which programs this kernel needs in a mode. `symbol` is the first hook, for people.
struct AttachPlan {
  AttachMode mode;
  std::string symbol;
  std::vector<PlannedProgram> programs;
};

/// Asks BTF which functions exist. `with_optional`: also programs that others can do without. Throws ProbeError
/// (ENOENT) that names what the kernel lacks.
AttachPlan PlanAttachment(AttachMode mode, const KernelBtf& btf, bool with_optional);
