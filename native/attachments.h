#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attach_plan.h"
#include "bpf_owners.h"
#include "kernel_btf.h"
#include "loaded_probe.h"

/// A program that runs, for reports.
struct AttachedProgram {
  std::string program;
  std::string function;
  ProgramKind kind;
  HookRole role;
};

/// The links of a loaded probe's programs. Detaches them when destroyed.
class Attachments {
 public:
  /// `probe` must outlive this.
  Attachments(const LoadedProbe& probe, const KernelBtf& btf);
  ~Attachments();
  Attachments(const Attachments&) = delete;
  Attachments& operator=(const Attachments&) = delete;

  /// Attaches the programs, those for failures only when the filter in force wants failures. Throws ProbeError and
  /// leaves nothing attached.
  void Attach();
  void Detach();
  /// To be called before the first failure is wanted, and after the last one was. Throws ProbeError.
  void FollowFailures(bool wanted);
  /// To be called now and then: has renames told at their return once the kernel has a filesystem that
  /// renames in a thread of its own. Throws ProbeError.
  void FollowFilesystems();

  std::vector<AttachedProgram> Programs() const;
  /// Why a program could not be attached that others can do without; empty when none was.
  const std::string& left_out() const { return left_out_; }
  /// Runs of programs that the kernel left out: recursion (5.12) and missed probes (6.7).
  uint64_t MissedRuns() const;
  /// How many deletions can have been missed because the kernel left out every program at their success hook; too high
  /// rather than too low. nullopt: this kernel does not count it.
  std::optional<uint64_t> SkippedSuccesses() const;

 private:
  struct Link {
    PlannedProgram planned;
    BpfLink link;
  };
  /// Runs that the kernel left out of one link.
  uint64_t MissedOf(const Link& link) const;
  BpfLink TryAttach(const PlannedProgram& planned) const;
  void AttachProgram(const PlannedProgram& planned);
  void AttachReturns(HookRole role);
  void DetachRole(HookRole role);
  void DetachUnwantedReturns();
  void AttachLateReturns();

  const LoadedProbe& probe_;
  /// Whether the kernel counts what it leaves out of kprobes (6.7) and of trampolines (5.12).
  const bool counts_kprobe_misses_;
  const bool counts_trampoline_misses_;
  std::vector<Link> links_;
  bool attached_ = false;
  std::string left_out_;
};
