#include "loaded_probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <set>

#include "kernel_btf.h"
#include "libbpf_messages.h"
#include "probe_error.h"

namespace {

constexpr char kFindSelf[] = "find_self";

/// BPF_LOG_STATS of the kernel's bpf_verifier.h: a few lines for each program.
constexpr __u32 kVerifierStatistics = 4;
constexpr size_t kVerifierStatisticsBytes = size_t{64} * 1024;

/// Keeps signals from this thread: the verifier gives up with EAGAIN when one is pending, and a profiler's come faster
/// than a program is verified.
class SignalsHeld {
 public:
  SignalsHeld() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsHeld() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsHeld(const SignalsHeld&) = delete;
  SignalsHeld& operator=(const SignalsHeld&) = delete;

 private:
  sigset_t before_;
};

/// The number in "processed N insns", or 0.
uint32_t ProcessedInstructions(const std::vector<char>& log) {
  const char* at = log.empty() ? nullptr : strstr(log.data(), "processed ");
  return at == nullptr ? 0 : static_cast<uint32_t>(strtoul(at + strlen("processed "), nullptr, 10));
}

/// The variants that this kernel may take, the fastest first. It refuses calls of its own functions, of which
/// bpf_rdonly_cast() is one, while net.core.bpf_jit_enable is 0.
std::vector<ProbeVariant> VariantsFor(const KernelBtf& btf) {
  std::vector<ProbeVariant> variants;
  const bool loop = btf.HasHelper("loop");
  if (loop && btf.HasFunction("bpf_rdonly_cast")) variants.push_back(ProbeVariant::kDirect);
  variants.push_back(loop ? ProbeVariant::kLoop : ProbeVariant::kPlain);
  return variants;
}

}  // namespace

LoadedProbe::LoadedProbe(AttachMode mode, const KernelBtf& btf, size_t ring_bytes, bool ask_verifier) {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) throw ProbeError("count the CPUs", -cpus);
  cpus_ = static_cast<size_t>(cpus);
  LoadFirst(mode, btf, ring_bytes, ask_verifier);
  settings_ = {object_.get(), "settings"};
  settings_->self_tgid = static_cast<__u32>(getpid());
  MapCounters();
  if (const auto xfs = btf.FindXfsLayout()) {
    settings_->xfs_blocks_at = xfs->blocks;
    settings_->xfs_delayed_blocks_at = xfs->delayed_blocks;
  }
  FillFreeSlots();
  FindSelf();
}

void LoadedProbe::LoadFirst(AttachMode mode, const KernelBtf& btf, size_t ring_bytes, bool ask_verifier) {
  std::string refused;
  std::exception_ptr first;
  for (const ProbeVariant variant : VariantsFor(btf)) {
    // A kernel may refuse the kind of program that the others can do without.
    for (const bool with_optional : {true, false}) {
      if (!with_optional && mode == AttachMode::kTracepoint) continue;
      try {
        plan_ = PlanAttachment(mode, btf, with_optional);
        Load(variant, ring_bytes, ask_verifier);
        if (!with_optional) left_out_ = refused;
        return;
      } catch (const ProbeError& error) {
        if (with_optional) refused = error.what();
        if (first == nullptr || !with_optional || mode == AttachMode::kTracepoint) first = std::current_exception();
      }
    }
  }
  std::rethrow_exception(first);
}

struct bpf_program* LoadedProbe::Program(const char* name) const {
  struct bpf_program* program = bpf_object__find_program_by_name(object_.get(), name);
  if (program == nullptr) throw ProbeError(std::string("find the program ") + name, ENOENT);
  return program;
}

int LoadedProbe::MapFd(const char* name) const {
  const int fd = bpf_object__find_map_fd_by_name(object_.get(), name);
  if (fd < 0) throw ProbeError(std::string("find the map ") + name, -fd);
  return fd;
}

void LoadedProbe::Load(ProbeVariant variant, size_t ring_bytes, bool ask_verifier) {
  LibbpfMessages messages;
  const EmbeddedObject embedded = ProbeObject(variant);
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "rmwatch");
  object_.reset(bpf_object__open_mem(embedded.data, embedded.size, &options));
  variant_ = variant;
  if (object_ == nullptr) throw ProbeError("open the BPF object", errno, messages.text());
  std::set<std::string> wanted = {kFindSelf};
  for (const PlannedProgram& planned : plan_.programs) {
    wanted.insert(planned.program);
    struct bpf_program* program = Program(planned.program);
    if (planned.kind == ProgramKind::kFentry || planned.kind == ProgramKind::kFexit) {
      const int error = bpf_program__set_attach_target(program, 0, planned.function.c_str());
      if (error != 0) throw ProbeError("target " + planned.function, -error, messages.text());
    } else if (planned.kind == ProgramKind::kKprobeMulti) {
      bpf_program__set_expected_attach_type(program, BPF_TRACE_KPROBE_MULTI);
    }
  }
  struct bpf_program* program;
  bpf_object__for_each_program(program, object_.get()) {
    const char* name = bpf_program__name(program);
    bpf_program__set_autoload(program, wanted.count(name) != 0);
    if (ask_verifier) {
      std::vector<char>& log = verifier_logs_[name];
      log.resize(kVerifierStatisticsBytes);
      bpf_program__set_log_level(program, kVerifierStatistics);
      bpf_program__set_log_buf(program, log.data(), log.size());
    }
  }
  SizeMap("ring", static_cast<__u32>(ring_bytes));
  const __u32 scratch_slots = MapEntries("slots") - MapEntries("free_slots");
  // System calls that fail are told at once, as those that succeed are.
  failure_slots_ = plan_.mode == AttachMode::kTracepoint ? 0 : MapEntries("free_slots");
  SizeMap("slots", scratch_slots * static_cast<__u32>(cpus_) + failure_slots_);
  SizeMap("counters", static_cast<__u32>(cpus_));
  const SignalsHeld held;
  const int error = bpf_object__load(object_.get());
  if (error != 0) throw ProbeError("load the BPF programs", -error, messages.text());
}

void LoadedProbe::MapCounters() {
  counters_ = Mapping("map the probe's counters", WholePages(cpus_ * sizeof(kernel_counters)), PROT_READ, MAP_SHARED,
                      MapFd("counters"));
}

__u32 LoadedProbe::MapEntries(const char* name) const {
  return bpf_map__max_entries(bpf_object__find_map_by_name(object_.get(), name));
}

void LoadedProbe::SizeMap(const char* name, __u32 entries) const {
  const int error = bpf_map__set_max_entries(bpf_object__find_map_by_name(object_.get(), name), entries);
  if (error != 0) throw ProbeError(std::string("size the map ") + name, -error);
}

void LoadedProbe::FillFreeSlots() const {
  const int fd = MapFd("free_slots");
  const __u32 all = MapEntries("slots");
  // The last one pushed is used first.
  for (__u32 slot = all; slot-- > all - failure_slots_;) {
    if (bpf_map_update_elem(fd, nullptr, &slot, 0) != 0) throw ProbeError("fill the free slots", errno);
  }
}

void LoadedProbe::FindSelf() const {
  LIBBPF_OPTS(bpf_test_run_opts, options);
  // 0 stays when this fails: every process then counts as the host's, and doctor says so.
  (void)bpf_prog_test_run_opts(bpf_program__fd(Program(kFindSelf)), &options);
}

std::vector<LoadedProgram> LoadedProbe::Programs() const {
  std::vector<LoadedProgram> programs;
  struct bpf_program* program;
  bpf_object__for_each_program(program, object_.get()) {
    if (!bpf_program__autoload(program)) continue;
    struct bpf_prog_info info = {};
    __u32 length = sizeof info;
    if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length) != 0) continue;
    const auto log = verifier_logs_.find(bpf_program__name(program));
    const uint32_t processed = log == verifier_logs_.end() ? 0 : ProcessedInstructions(log->second);
    programs.push_back({bpf_program__name(program), info.xlated_prog_len / 8,
                        info.verified_insns != 0 ? info.verified_insns : processed});
  }
  return programs;
}

kernel_counters LoadedProbe::ReadCounters() const {
  constexpr size_t kWords = sizeof(kernel_counters) / sizeof(__u64);
  kernel_counters sum = {};
  auto* total = reinterpret_cast<__u64*>(&sum);
  for (size_t cpu = 0; cpu < cpus_; cpu++) {
    const auto* words = counters_.At<const volatile __u64>(cpu * sizeof(kernel_counters));
    for (size_t i = 0; i < kWords; i++) total[i] += words[i];
  }
  return sum;
}
