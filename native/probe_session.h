#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../bpf/record.h"
#include "attach_plan.h"
#include "backlog.h"
#include "embedded_objects.h"
#include "ring_reader.h"

struct bpf_link;
struct bpf_object;
struct bpf_program;

/// What the kernel's filter should pass: the masks are those of bpf/filter.bpf.h.
struct Filter {
  struct Prefix {
    std::string bytes;
    uint32_t wanted;
  };
  struct Place {
    /// A device number, or PLACE_MOUNT and the number of a mount.
    uint64_t place;
    uint32_t wanted;
  };
  std::vector<Prefix> prefixes;
  std::vector<Place> places;
  /// `places` holds every mount of this host.
  bool mounts_known = false;
  uint32_t success_operations = 0;
  uint32_t failure_operations = 0;
};

/// A loaded program, for reports.
struct LoadedProgram {
  std::string name;
  uint32_t instructions;
  /// How many instructions the verifier simulated (5.16); 0: the kernel does not say.
  uint32_t verified_instructions;
};

/// A program that runs, for reports.
struct AttachedProgram {
  std::string program;
  std::string function;
  ProgramKind kind;
  HookRole role;
};

/// Owns the BPF object, its links and the ring. Every step throws ProbeError; what was built is taken down by
/// the destructor, in any state. Knows nothing of JavaScript.
class ProbeSession {
 public:
  /// Loads the programs of the mode into the kernel; nothing runs yet. `ring_bytes`: a power of two of pages.
  /// `ask_verifier`: have the verifier say how much it simulated, for kernels that tell it nowhere else.
  ProbeSession(AttachMode mode, size_t ring_bytes, bool ask_verifier = false);
  ~ProbeSession();
  ProbeSession(const ProbeSession&) = delete;
  ProbeSession& operator=(const ProbeSession&) = delete;

  /// Attaches the programs, those for failures only when the filter in force wants failures; from now on records
  /// arrive.
  void Attach();
  /// Detaches all programs; what is in the ring stays readable.
  void Detach();

  const AttachPlan& plan() const { return plan_; }
  ProbeVariant variant() const { return variant_; }
  RingReader& ring() { return *ring_; }
  /// Null until there was one.
  Backlog* backlog() { return backlog_.get(); }
  /// Begins to take records out of the ring into memory, `bytes` of them at most; for a second time, again. Throws.
  Backlog& OpenBacklog(size_t bytes);
  volatile probe_settings& settings() { return *settings_; }
  std::vector<LoadedProgram> Programs() const;
  std::vector<AttachedProgram> Attached() const;
  /// Why programs were left out that others can do without; empty when none was.
  const std::string& left_out() const { return left_out_; }

  /// Makes `filter` the one in force, at once and as a whole. Returns its generation, which every record carries
  /// that was judged by it. Attaches and detaches the programs for failures.
  uint32_t SetFilter(const Filter& filter);
  /// Removes what threads left behind that are gone without their end having been seen; returns how many attempts
  /// were accounted for nowhere else.
  size_t SweepAttempts();
  /// Sums over all CPUs.
  kernel_counters ReadCounters() const;
  /// Runs of programs that the kernel left out: recursion (5.12) and missed probes (6.7).
  uint64_t MissedRuns() const;
  /// How many deletions can have been missed because the kernel left out every program at their success hook; too high
  /// rather than too low. nullopt: this kernel does not count it.
  std::optional<uint64_t> SkippedSuccesses() const;

 private:
  struct Link {
    PlannedProgram planned;
    struct bpf_link* link;
  };
  /// Runs that the kernel left out of one link.
  uint64_t MissedOf(const Link& link) const;
  struct bpf_link* TryAttach(const PlannedProgram& planned);
  void AttachProgram(const PlannedProgram& planned);
  void AttachReturns();
  void DetachRole(HookRole role);
  bool ReturnsAttached() const;

  struct bpf_program* Program(const char* name) const;
  int MapFd(const char* name) const;
  void LoadFirst(AttachMode mode, const KernelBtf& btf, size_t ring_bytes, bool ask_verifier);
  void UnmapAll();
  __u32 MapEntries(const char* name) const;
  void Load(ProbeVariant variant, size_t ring_bytes, bool ask_verifier);
  void MapSettings();
  void MapCounters();
  void SizeMap(const char* name, __u32 entries);
  void FillFreeSlots();
  void FindSelf();

  AttachPlan plan_;
  ProbeVariant variant_ = ProbeVariant::kPlain;
  struct bpf_object* object_ = nullptr;
  std::vector<Link> links_;
  bool attached_ = false;
  std::string left_out_;
  /// Whether the kernel counts what it leaves out of kprobes (6.7) and of trampolines (5.12).
  bool counts_kprobe_misses_ = false;
  bool counts_trampoline_misses_ = false;
  /// What the verifier said of each program, by name; empty unless it was asked.
  std::map<std::string, std::vector<char>> verifier_logs_;
  std::unique_ptr<RingReader> ring_;
  std::unique_ptr<Backlog> backlog_;
  void* bss_ = nullptr;
  size_t bss_bytes_ = 0;
  volatile probe_settings* settings_ = nullptr;
  const volatile kernel_counters* counters_ = nullptr;
  size_t counters_bytes_ = 0;
  size_t cpus_ = 0;
  __u32 failure_slots_ = 0;
};
