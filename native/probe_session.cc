#include "probe_session.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <set>

#include "embedded_objects.h"
#include "kernel_btf.h"
#include "libbpf_messages.h"
#include "probe_error.h"

namespace {

constexpr char kFindSelf[] = "find_self";

/// BPF_LOG_STATS of the kernel's bpf_verifier.h: a few lines for each program.
constexpr __u32 kVerifierStatistics = 4;
constexpr size_t kVerifierStatisticsBytes = 64 * 1024;

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

/// The bit of probe_settings.success_kinds.
__u32 KindBit(const PlannedProgram& planned) {
  return 1u << (planned.kind == ProgramKind::kFentry ? SUCCESS_FENTRY : SUCCESS_KPROBE);
}

}  // namespace

ProbeSession::ProbeSession(AttachMode mode, size_t ring_bytes, bool ask_verifier) {
  // libbpf rounds other sizes up without a word, and the reader's arithmetic needs the true one.
  if ((ring_bytes & (ring_bytes - 1)) != 0 || ring_bytes % static_cast<size_t>(getpagesize()) != 0) {
    throw ProbeError("size the ring buffer to " + std::to_string(ring_bytes) + " bytes", EINVAL);
  }
  const KernelBtf btf;
  counts_kprobe_misses_ = btf.HasMember("bpf_link_info", "missed");
  counts_trampoline_misses_ = btf.HasMember("bpf_prog_info", "recursion_misses");
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) throw ProbeError("count the CPUs", -cpus);
  cpus_ = static_cast<size_t>(cpus);
  LoadFirst(mode, btf, ring_bytes, ask_verifier);
  try {
    ring_ = std::make_unique<RingReader>(MapFd("ring"), ring_bytes);
    MapSettings();
    MapCounters();
    if (const auto xfs = btf.FindXfsLayout()) {
      settings_->xfs_blocks_at = xfs->blocks;
      settings_->xfs_delayed_blocks_at = xfs->delayed_blocks;
    }
    FillFreeSlots();
    FindSelf();
  } catch (...) {
    UnmapAll();
    bpf_object__close(object_);
    throw;
  }
}

void ProbeSession::UnmapAll() {
  if (bss_ != nullptr) munmap(bss_, bss_bytes_);
  if (counters_ != nullptr) munmap(const_cast<kernel_counters*>(counters_), counters_bytes_);
}

void ProbeSession::LoadFirst(AttachMode mode, const KernelBtf& btf, size_t ring_bytes, bool ask_verifier) {
  std::string refused;
  std::exception_ptr first;
  for (const ProbeVariant variant : VariantsFor(btf)) {
    // A kernel may refuse the kind of program that the others can do without.
    for (const bool with_optional : {true, false}) {
      if (!with_optional && mode == AttachMode::kTracepoint) continue;
      try {
        plan_ = PlanAttachment(mode, btf, with_optional);
        Load(variant, ring_bytes, ask_verifier);
        variant_ = variant;
        if (!with_optional) left_out_ = refused;
        return;
      } catch (const ProbeError& error) {
        bpf_object__close(object_);
        object_ = nullptr;
        if (with_optional) refused = error.what();
        if (first == nullptr || !with_optional || mode == AttachMode::kTracepoint) first = std::current_exception();
      }
    }
  }
  std::rethrow_exception(first);
}

ProbeSession::~ProbeSession() {
  Detach();
  backlog_.reset();
  ring_.reset();
  UnmapAll();
  bpf_object__close(object_);
}

Backlog& ProbeSession::OpenBacklog(size_t bytes) {
  if (ring_->Collected()) throw ProbeError("open the backlog before records are released", EBUSY);
  if (backlog_ == nullptr)
    backlog_ = std::make_unique<Backlog>(*ring_, bytes);
  else
    backlog_->Open();
  return *backlog_;
}

struct bpf_program* ProbeSession::Program(const char* name) const {
  struct bpf_program* program = bpf_object__find_program_by_name(object_, name);
  if (program == nullptr) throw ProbeError(std::string("find the program ") + name, ENOENT);
  return program;
}

int ProbeSession::MapFd(const char* name) const {
  const int fd = bpf_object__find_map_fd_by_name(object_, name);
  if (fd < 0) throw ProbeError(std::string("find the map ") + name, -fd);
  return fd;
}

void ProbeSession::Load(ProbeVariant variant, size_t ring_bytes, bool ask_verifier) {
  LibbpfMessages messages;
  const EmbeddedObject embedded = ProbeObject(variant);
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "rmwatch");
  object_ = bpf_object__open_mem(embedded.data, embedded.size, &options);
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
  bpf_object__for_each_program(program, object_) {
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
  const int error = bpf_object__load(object_);
  if (error != 0) throw ProbeError("load the BPF programs", -error, messages.text());
}

void ProbeSession::MapSettings() {
  struct bpf_map* map;
  bpf_object__for_each_map(map, object_) {
    const char* dot = strrchr(bpf_map__name(map), '.');
    if (dot == nullptr || strcmp(dot, ".bss") != 0) continue;

    const struct btf* btf = bpf_object__btf(object_);
    const int id = btf__find_by_name_kind(btf, ".bss", BTF_KIND_DATASEC);
    const struct btf_type* section = btf__type_by_id(btf, static_cast<__u32>(id < 0 ? 0 : id));
    const struct btf_var_secinfo* variables = btf_var_secinfos(section);
    for (int i = 0; id > 0 && i < btf_vlen(section); i++) {
      const struct btf_type* variable = btf__type_by_id(btf, variables[i].type);
      if (strcmp(btf__name_by_offset(btf, variable->name_off), "settings") != 0) continue;
      const auto page = static_cast<size_t>(getpagesize());
      bss_bytes_ = (bpf_map__value_size(map) + page - 1) / page * page;
      void* bss = mmap(nullptr, bss_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
      if (bss == MAP_FAILED) throw ProbeError("map the probe's settings", errno);
      bss_ = bss;
      settings_ = reinterpret_cast<volatile probe_settings*>(static_cast<char*>(bss) + variables[i].offset);
      settings_->self_tgid = static_cast<__u32>(getpid());
      return;
    }
  }
  throw ProbeError("find the probe's settings", ENOENT);
}

void ProbeSession::MapCounters() {
  const auto page = static_cast<size_t>(getpagesize());
  counters_bytes_ = (cpus_ * sizeof(kernel_counters) + page - 1) / page * page;
  void* counters = mmap(nullptr, counters_bytes_, PROT_READ, MAP_SHARED, MapFd("counters"), 0);
  if (counters == MAP_FAILED) throw ProbeError("map the probe's counters", errno);
  counters_ = static_cast<const volatile kernel_counters*>(counters);
}

__u32 ProbeSession::MapEntries(const char* name) const {
  return bpf_map__max_entries(bpf_object__find_map_by_name(object_, name));
}

void ProbeSession::SizeMap(const char* name, __u32 entries) {
  const int error = bpf_map__set_max_entries(bpf_object__find_map_by_name(object_, name), entries);
  if (error != 0) throw ProbeError(std::string("size the map ") + name, -error);
}

void ProbeSession::FillFreeSlots() {
  const int fd = MapFd("free_slots");
  const __u32 all = MapEntries("slots");
  // The last one pushed is used first.
  for (__u32 slot = all; slot-- > all - failure_slots_;) {
    if (bpf_map_update_elem(fd, nullptr, &slot, 0) != 0) throw ProbeError("fill the free slots", errno);
  }
}

void ProbeSession::FindSelf() {
  LIBBPF_OPTS(bpf_test_run_opts, options);
  // 0 stays when this fails: every process then counts as the host's, and doctor says so.
  (void)bpf_prog_test_run_opts(bpf_program__fd(Program(kFindSelf)), &options);
}

struct bpf_link* ProbeSession::TryAttach(const PlannedProgram& planned) {
  struct bpf_program* program = Program(planned.program);
  const char* function = planned.function.c_str();
  switch (planned.kind) {
    case ProgramKind::kKprobeMulti: {
      LIBBPF_OPTS(bpf_kprobe_multi_opts, options, .syms = &function, .cnt = 1);
      return bpf_program__attach_kprobe_multi_opts(program, nullptr, &options);
    }
    case ProgramKind::kKprobe:
      return bpf_program__attach_kprobe(program, false, function);
    case ProgramKind::kKretprobe:
      return bpf_program__attach_kprobe(program, true, function);
    default:
      return bpf_program__attach(program);
  }
}

void ProbeSession::AttachProgram(const PlannedProgram& planned) {
  LibbpfMessages messages;
  struct bpf_link* link = TryAttach(planned);
  if (link != nullptr) {
    links_.push_back({planned, link});
    return;
  }
  const ProbeError error(std::string("attach ") + planned.program +
                             (planned.function.empty() ? "" : " to " + planned.function),
                         errno, messages.text());
  if (!planned.optional) throw error;
  if (left_out_.empty()) left_out_ = error.what();
}

void ProbeSession::AttachReturns() {
  try {
    for (const PlannedProgram& planned : plan_.programs) {
      if (planned.role != HookRole::kReturn) continue;
      const auto same = [&](const Link& link) {
        return link.planned.role == HookRole::kReturn && link.planned.function == planned.function;
      };
      if (std::none_of(links_.begin(), links_.end(), same)) AttachProgram(planned);
    }
  } catch (...) {
    DetachRole(HookRole::kReturn);
    throw;
  }
}

bool ProbeSession::ReturnsAttached() const {
  return std::any_of(links_.begin(), links_.end(),
                     [](const Link& link) { return link.planned.role == HookRole::kReturn; });
}

void ProbeSession::Attach() {
  try {
    // Returns first: a failure that was only seen to be entered would look like a missed return.
    if (settings_->failure_operations[settings_->generation % FILTER_GENERATIONS] != 0) AttachReturns();
    for (const PlannedProgram& planned : plan_.programs) {
      if (planned.role == HookRole::kBefore) AttachProgram(planned);
    }
    // Success hooks last: what they find no beginning of is told without its mount. Each program has to know whether
    // another one runs beside it; meanwhile one that does not run yet is taken for one that was left out.
    for (const PlannedProgram& planned : plan_.programs) {
      if (planned.role == HookRole::kSuccess) settings_->success_kinds = settings_->success_kinds | KindBit(planned);
    }
    for (const PlannedProgram& planned : plan_.programs) {
      if (planned.role == HookRole::kSuccess) AttachProgram(planned);
    }
    __u32 kinds = 0;
    for (const Link& link : links_) {
      if (link.planned.role == HookRole::kSuccess) kinds |= KindBit(link.planned);
    }
    settings_->success_kinds = kinds;
  } catch (...) {
    Detach();
    throw;
  }
  attached_ = true;
}

void ProbeSession::DetachRole(HookRole role) {
  const auto gone =
      std::stable_partition(links_.begin(), links_.end(), [&](const Link& link) { return link.planned.role != role; });
  for (auto it = gone; it != links_.end(); ++it) bpf_link__destroy(it->link);
  links_.erase(gone, links_.end());
}

void ProbeSession::Detach() {
  attached_ = false;
  // Success hooks first: without the entry of its call a deletion would be told without its mount.
  DetachRole(HookRole::kSuccess);
  DetachRole(HookRole::kBefore);
  DetachRole(HookRole::kReturn);
}

std::vector<AttachedProgram> ProbeSession::Attached() const {
  std::vector<AttachedProgram> programs;
  for (const auto& [planned, link] : links_) {
    programs.push_back({planned.program, planned.function, planned.kind, planned.role});
  }
  return programs;
}

std::vector<LoadedProgram> ProbeSession::Programs() const {
  std::vector<LoadedProgram> programs;
  struct bpf_program* program;
  bpf_object__for_each_program(program, object_) {
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

size_t ProbeSession::SweepAttempts() {
  // In another pid namespace the numbers of threads mean other threads.
  if (settings_->self_tgid != static_cast<__u32>(getpid())) return 0;
  const int fd = MapFd("attempts");
  const int free_slots = MapFd("free_slots");
  std::vector<uint64_t> gone;
  uint64_t id = 0;
  // A key that vanishes meanwhile starts the walk again: twice as many steps as there is room for must do.
  const __u32 most = 2 * MapEntries("attempts");
  for (__u32 step = 0; step < most && bpf_map_get_next_key(fd, step == 0 ? nullptr : &id, &id) == 0; step++) {
    const auto tgid = static_cast<pid_t>(id >> 32), tid = static_cast<pid_t>(id & 0xffffffff);
    if (syscall(SYS_tgkill, tgid, tid, 0) != 0 && errno == ESRCH) gone.push_back(id);
  }
  size_t swept = 0;
  for (const uint64_t thread : gone) {
    in_flight_attempt attempt;
    if (bpf_map_lookup_elem(fd, &thread, &attempt) != 0 || bpf_map_delete_elem(fd, &thread) != 0) continue;
    if (attempt.slot == NO_SLOT) continue;
    bpf_map_update_elem(free_slots, nullptr, &attempt.slot, 0);
    swept++;
  }
  return swept;
}

uint32_t ProbeSession::SetFilter(const Filter& filter) {
  const uint32_t generation = settings_->generation + 1;
  const __u32 at = generation % FILTER_GENERATIONS;

  LIBBPF_OPTS(bpf_map_create_opts, trie_options, .map_flags = BPF_F_NO_PREALLOC);
  const int prefixes =
      bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "prefixes", sizeof(__u32) + FILTER_PREFIX_BYTES, sizeof(__u32),
                     std::max<__u32>(1, static_cast<__u32>(filter.prefixes.size())), &trie_options);
  if (prefixes < 0) throw ProbeError("create the prefix filter", -prefixes);
  const int places = bpf_map_create(BPF_MAP_TYPE_HASH, "places", sizeof(__u64), sizeof(__u32),
                                    std::max<__u32>(1, static_cast<__u32>(filter.places.size())), nullptr);
  if (places < 0) {
    close(prefixes);
    throw ProbeError("create the filter of places", -places);
  }
  int error = 0;
  for (const Filter::Prefix& prefix : filter.prefixes) {
    struct {
      __u32 bits;
      __u8 bytes[FILTER_PREFIX_BYTES];
    } key = {};
    const size_t length = std::min<size_t>(prefix.bytes.size(), FILTER_PREFIX_BYTES);
    key.bits = static_cast<__u32>(length * 8);
    memcpy(key.bytes, prefix.bytes.data(), length);
    if (error == 0 && bpf_map_update_elem(prefixes, &key, &prefix.wanted, BPF_ANY) != 0) error = errno;
  }
  for (const Filter::Place& place : filter.places) {
    if (error == 0 && bpf_map_update_elem(places, &place.place, &place.wanted, BPF_ANY) != 0) error = errno;
  }
  if (error == 0 && bpf_map_update_elem(MapFd("prefix_filters"), &at, &prefixes, BPF_ANY) != 0) error = errno;
  if (error == 0 && bpf_map_update_elem(MapFd("place_filters"), &at, &places, BPF_ANY) != 0) error = errno;
  close(prefixes);
  close(places);
  if (error != 0) throw ProbeError("fill the filter", error);
  // Before the first failure is wanted, and until after the last one was.
  const bool wants_failures = filter.failure_operations != 0;
  if (attached_ && wants_failures && !ReturnsAttached()) AttachReturns();

  settings_->success_operations[at] = filter.success_operations;
  settings_->failure_operations[at] = filter.failure_operations;
  settings_->mounts_known[at] = filter.mounts_known ? 1 : 0;
  __atomic_store_n(&settings_->generation, generation, __ATOMIC_SEQ_CST);
  // A trampoline's program cannot be attached again everywhere (before 5.13): in fentry mode it stays, and finds
  // nothing.
  if (!wants_failures && plan_.mode == AttachMode::kKprobe) DetachRole(HookRole::kReturn);
  return generation;
}

kernel_counters ProbeSession::ReadCounters() const {
  constexpr size_t kWords = sizeof(kernel_counters) / sizeof(__u64);
  kernel_counters sum = {};
  auto* total = reinterpret_cast<__u64*>(&sum);
  for (size_t cpu = 0; cpu < cpus_; cpu++) {
    const auto* words = reinterpret_cast<const volatile __u64*>(counters_ + cpu);
    for (size_t i = 0; i < kWords; i++) total[i] += words[i];
  }
  return sum;
}

uint64_t ProbeSession::MissedOf(const Link& link) const {
  uint64_t missed = 0;
  struct bpf_prog_info program = {};
  __u32 length = sizeof program;
  if (bpf_obj_get_info_by_fd(bpf_program__fd(Program(link.planned.program)), &program, &length) == 0)
    missed += program.recursion_misses;
  // struct bpf_link_info of Linux 6.7 in its first bytes; the headers that are compiled against may be older.
  constexpr size_t kTypeAt = 0, kPerfTypeAt = 16, kPerfMissedAt = 48, kMultiMissedAt = 32, kInfoBytes = 64;
  constexpr uint32_t kLinkPerfEvent = 7, kLinkKprobeMulti = 8, kPerfKprobe = 3, kPerfKretprobe = 4;
  alignas(8) unsigned char info[kInfoBytes] = {};
  length = sizeof info;
  if (bpf_obj_get_info_by_fd(bpf_link__fd(link.link), info, &length) != 0) return missed;
  uint32_t type, perf_type;
  memcpy(&type, info + kTypeAt, sizeof type);
  memcpy(&perf_type, info + kPerfTypeAt, sizeof perf_type);
  uint64_t value = 0;
  if (type == kLinkPerfEvent && (perf_type == kPerfKprobe || perf_type == kPerfKretprobe))
    memcpy(&value, info + kPerfMissedAt, sizeof value);
  else if (type == kLinkKprobeMulti)
    memcpy(&value, info + kMultiMissedAt, sizeof value);
  return missed + value;
}

uint64_t ProbeSession::MissedRuns() const {
  uint64_t missed = 0;
  for (const Link& link : links_) missed += MissedOf(link);
  return missed;
}

std::optional<uint64_t> ProbeSession::SkippedSuccesses() const {
  // By function, the least that any of its programs missed.
  std::map<std::string, uint64_t> least;
  std::set<std::string> functions;
  for (const Link& link : links_) {
    if (link.planned.role != HookRole::kSuccess) continue;
    functions.insert(link.planned.function);
    const bool trampoline = link.planned.kind == ProgramKind::kFentry || link.planned.kind == ProgramKind::kTracepoint;
    if (!(trampoline ? counts_trampoline_misses_ : counts_kprobe_misses_)) continue;
    const uint64_t missed = MissedOf(link);
    const auto [it, added] = least.emplace(link.planned.function, missed);
    if (!added) it->second = std::min(it->second, missed);
  }
  if (least.size() < functions.size()) return std::nullopt;
  uint64_t skipped = 0;
  for (const auto& [function, missed] : least) skipped += missed;
  return skipped;
}
