#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "../bpf/record.h"
#include "attach_plan.h"
#include "bpf_owners.h"
#include "bpf_variable.h"
#include "embedded_objects.h"
#include "kernel_btf.h"
#include "mapping.h"

/// A loaded program, for reports.
struct LoadedProgram {
  std::string name;
  uint32_t instructions;
  /// How many instructions the verifier simulated (5.16); 0: the kernel does not say.
  uint32_t verified_instructions;
};

/// The BPF programs and maps of a mode, loaded into the kernel and attached to nothing.
class LoadedProbe {
 public:
  /// Takes the first variant of the programs that this kernel accepts. Throws ProbeError with what it said of the
  /// first.
  LoadedProbe(AttachMode mode, const KernelBtf& btf, size_t ring_bytes, bool ask_verifier);

  const AttachPlan& plan() const { return plan_; }
  ProbeVariant variant() const { return variant_; }
  volatile probe_settings& settings() const { return *settings_; }
  /// Why programs were left out that others can do without; empty when none was.
  const std::string& left_out() const { return left_out_; }

  /// Both throw ProbeError (ENOENT) for what is not part of the object.
  struct bpf_program* Program(const char* name) const;
  int MapFd(const char* name) const;

  std::vector<LoadedProgram> Programs() const;
  /// Sums over all CPUs.
  kernel_counters ReadCounters() const;

 private:
  void LoadFirst(AttachMode mode, const KernelBtf& btf, size_t ring_bytes, bool ask_verifier);
  void Load(ProbeVariant variant, size_t ring_bytes, bool ask_verifier);
  void MapCounters();
  void FillFreeSlots() const;
  void FindSelf() const;
  __u32 MapEntries(const char* name) const;
  void SizeMap(const char* name, __u32 entries) const;

  AttachPlan plan_;
  ProbeVariant variant_ = ProbeVariant::kPlain;
  std::string left_out_;
  /// What the verifier said of each program, by name; empty unless it was asked. libbpf writes to it.
  std::map<std::string, std::vector<char>> verifier_logs_;
  BpfObject object_;
  size_t cpus_ = 0;
  __u32 failure_slots_ = 0;
  BpfVariable<volatile probe_settings> settings_;
  Mapping counters_;
};
