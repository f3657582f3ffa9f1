#include "attach_plan.h"

#include <cerrno>

#include "probe_error.h"

namespace {

/// A kernel function by all of its names, newest last, and the programs that go there in each mode.
struct Hook {
  std::vector<std::string> functions;
  const char* kprobe;
  const char* fentry;
  bool at_return;
};

// do_unlinkat(), do_rmdir() and do_renameat2() became filename_*() in Linux 7.0, with the same arguments.
const std::vector<Hook>& Hooks() {
  static const std::vector<Hook> hooks = {
      {{"do_unlinkat", "filename_unlinkat"}, "kprobe__unlink_enter", "fentry__unlink_enter", false},
      {{"do_rmdir", "filename_rmdir"}, "kprobe__rmdir_enter", "fentry__rmdir_enter", false},
      {{"do_renameat2", "filename_renameat2"}, "kprobe__rename_enter", "fentry__rename_enter", false},
      {{"security_path_unlink"}, "kprobe__unlink_victim", "fentry__unlink_victim", false},
      {{"security_path_rmdir"}, "kprobe__rmdir_victim", "fentry__rmdir_victim", false},
      {{"security_path_rename"}, "kprobe__rename_victim", "fentry__rename_victim", false},
      {{"do_unlinkat", "filename_unlinkat"}, "kprobe__exit", "fentry__unlink_exit", true},
      {{"do_rmdir", "filename_rmdir"}, "kprobe__exit", "fentry__rmdir_exit", true},
      {{"do_renameat2", "filename_renameat2"}, "kprobe__exit", "fentry__rename_exit", true},
      {{"exit_signals"}, "kprobe__thread_exit", "fentry__thread_exit", false},
  };
  return hooks;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " or ") + name;
  return text;
}

}  // namespace

AttachPlan PlanAttachment(AttachMode mode, const KernelBtf& btf) {
  AttachPlan plan{mode, "", {}};
  if (mode == AttachMode::kTracepoint) {
    plan.symbol = "sys_exit";
    plan.programs = {{"syscall_exit", "", false}};
    return plan;
  }
  for (const Hook& hook : Hooks()) {
    const std::string function = btf.FirstFunction(hook.functions);
    if (function.empty()) throw ProbeError("find the kernel function " + Joined(hook.functions), ENOENT);
    if (plan.symbol.empty()) plan.symbol = function;
    plan.programs.push_back({mode == AttachMode::kKprobe ? hook.kprobe : hook.fentry, function, hook.at_return});
  }
  return plan;
}
