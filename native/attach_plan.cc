#include "attach_plan.h"

#include <cerrno>

#include "probe_error.h"

namespace {

/// A kernel function by all of its names, newest last, and the programs that go there.
struct Hook {
  std::vector<std::string> functions;
  HookRole role;
  const char* kprobe;
  const char* fentry;
};

// do_unlinkat(), do_rmdir() and do_renameat2() became filename_*() in Linux 7.0, with the same arguments.
const std::vector<Hook>& Hooks() {
  static const std::vector<Hook> hooks = {
      {{"do_unlinkat", "filename_unlinkat"}, HookRole::kBefore, "kprobe__unlink_enter", "fentry__unlink_enter"},
      {{"do_rmdir", "filename_rmdir"}, HookRole::kBefore, "kprobe__rmdir_enter", "fentry__rmdir_enter"},
      {{"do_renameat2", "filename_renameat2"}, HookRole::kBefore, "kprobe__rename_enter", "fentry__rename_enter"},
      {{"security_path_unlink"}, HookRole::kBefore, "kprobe__unlink_victim", "fentry__unlink_victim"},
      {{"security_path_rmdir"}, HookRole::kBefore, "kprobe__rmdir_victim", "fentry__rmdir_victim"},
      {{"security_path_rename"}, HookRole::kBefore, "kprobe__rename_victim", "fentry__rename_victim"},
      {{"exit_signals"}, HookRole::kThreadEnd, "kprobe__thread_exit", "fentry__thread_exit"},
      {{"d_delete"}, HookRole::kSuccess, "kprobe__delete", "fentry__delete"},
      {{"d_move"}, HookRole::kSuccess, "kprobe__move", "fentry__move"},
      {{"d_exchange"}, HookRole::kSuccess, "kprobe__exchange", "fentry__exchange"},
      {{"do_unlinkat", "filename_unlinkat"}, HookRole::kReturn, "kretprobe__unlink", "fexit__unlink"},
      {{"do_rmdir", "filename_rmdir"}, HookRole::kReturn, "kretprobe__rmdir", "fexit__rmdir"},
      {{"do_renameat2", "filename_renameat2"}, HookRole::kRenameReturn, "kretprobe__rename", "fexit__rename"},
  };
  return hooks;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " or ") + name;
  return text;
}

}  // namespace

const char* KindName(ProgramKind kind) {
  switch (kind) {
    case ProgramKind::kKprobe:
      return "kprobe";
    case ProgramKind::kKprobeMulti:
      return "kprobe.multi";
    case ProgramKind::kKretprobe:
      return "kretprobe";
    case ProgramKind::kFentry:
      return "fentry";
    case ProgramKind::kFexit:
      return "fexit";
    case ProgramKind::kTracepoint:
      break;
  }
  return "tracepoint";
}

AttachPlan PlanAttachment(AttachMode mode, const KernelBtf& btf, bool with_optional) {
  AttachPlan plan{mode, "", {}};
  if (mode == AttachMode::kTracepoint) {
    plan.symbol = "sys_exit";
    plan.programs = {{"syscall_exit", "", ProgramKind::kTracepoint, HookRole::kSuccess, false}};
    return plan;
  }
  const bool kprobes = mode == AttachMode::kKprobe;
  // Entry-only links of many kprobes (5.18 with CONFIG_FPROBE) need no CAP_SYS_ADMIN where perf events do.
  const ProgramKind kprobe = btf.HasFunction("register_fprobe_ips") ? ProgramKind::kKprobeMulti : ProgramKind::kKprobe;
  // CONFIG_PREEMPTION, which includes PREEMPT_DYNAMIC; the service cannot read the file that tells whether it is used.
  // Without it neither a program nor a bpf(2) call is preempted half way, so no program is left out. Older BTF lacks
  // the function, which must not be traced; preemptible RCU comes with it there.
  const bool preempts_itself =
      btf.HasFunction("preempt_schedule") || btf.HasMember("task_struct", "rcu_read_lock_nesting");
  for (const Hook& hook : Hooks()) {
    const std::string function = btf.FirstFunction(hook.functions);
    if (function.empty()) throw ProbeError("find the kernel function " + Joined(hook.functions), ENOENT);
    if (plan.symbol.empty()) plan.symbol = function;
    const auto add = [&](bool by_kprobe, bool optional) {
      if (optional && !with_optional) return;
      const bool at_return = hook.role == HookRole::kReturn || hook.role == HookRole::kRenameReturn;
      const ProgramKind kind = by_kprobe ? (at_return ? ProgramKind::kKretprobe : kprobe)
                                         : (at_return ? ProgramKind::kFexit : ProgramKind::kFentry);
      plan.programs.push_back({by_kprobe ? hook.kprobe : hook.fentry, function, kind, hook.role, optional});
    };
    switch (hook.role) {
      case HookRole::kThreadEnd:
        // What it leaves out the sweep finds.
        add(kprobes, false);
        break;
      case HookRole::kBefore:
        add(kprobes, false);
        // Any local user can have trampolines left out where the kernel preempts itself, and only root kprobes: there
        // what a second program costs would buy little.
        if (!kprobes && preempts_itself) add(true, true);
        break;
      case HookRole::kSuccess:
        add(kprobes, false);
        if (preempts_itself) add(!kprobes, true);
        break;
      case HookRole::kReturn:
      case HookRole::kRenameReturn:
        // kretprobes track a limited number of calls: a trampoline first.
        if (kprobes) add(false, true);
        add(kprobes, false);
        break;
    }
  }
  return plan;
}
