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

}  // namespace

ProbeSession::ProbeSession(AttachMode mode, size_t ring_bytes, bool ask_verifier) {
  // libbpf rounds other sizes up without a word, and the reader's arithmetic needs the true one.
  if ((ring_bytes & (ring_bytes - 1)) != 0 || ring_bytes % static_cast<size_t>(getpagesize()) != 0) {
    throw ProbeError("size the ring buffer to " + std::to_string(ring_bytes) + " bytes", EINVAL);
  }
  const KernelBtf btf;
  plan_ = PlanAttachment(mode, btf);
  const std::vector<ProbeVariant> variants = VariantsFor(btf);
  for (auto variant = variants.begin();; ++variant) {
    try {
      Load(*variant, ring_bytes, ask_verifier);
      variant_ = *variant;
      break;
    } catch (const ProbeError&) {
      bpf_object__close(object_);
      object_ = nullptr;
      if (variant + 1 == variants.end()) throw;
    }
  }
  try {
    ring_ = std::make_unique<RingReader>(MapFd("ring"), ring_bytes);
    MapSettings();
    if (const auto xfs = btf.FindXfsLayout()) {
      settings_->xfs_blocks_at = xfs->blocks;
      settings_->xfs_delayed_blocks_at = xfs->delayed_blocks;
    }
    FillFreeSlots();
    FindSelf();
  } catch (...) {
    if (bss_ != nullptr) munmap(bss_, bss_bytes_);
    bpf_object__close(object_);
    throw;
  }
}

ProbeSession::~ProbeSession() {
  Detach();
  backlog_.reset();
  ring_.reset();
  munmap(bss_, bss_bytes_);
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
    if (plan_.mode == AttachMode::kFentry && !planned.function.empty()) {
      const int error = bpf_program__set_attach_target(Program(planned.program), 0, planned.function.c_str());
      if (error != 0) throw ProbeError("target " + planned.function, -error, messages.text());
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
  if (plan_.mode == AttachMode::kTracepoint) {
    // The first ones belong to the CPUs; of the others each CPU may take one more.
    const int cpus = libbpf_num_possible_cpus();
    if (cpus < 0) throw ProbeError("count the CPUs", -cpus, messages.text());
    SizeMap("slots", 2 * static_cast<__u32>(cpus));
    SizeMap("free_slots", static_cast<__u32>(cpus));
  }
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

void ProbeSession::SizeMap(const char* name, __u32 entries) {
  const int error = bpf_map__set_max_entries(bpf_object__find_map_by_name(object_, name), entries);
  if (error != 0) throw ProbeError(std::string("size the map ") + name, -error);
}

void ProbeSession::FillFreeSlots() {
  const int fd = MapFd("free_slots");
  const __u32 all = bpf_map__max_entries(bpf_object__find_map_by_name(object_, "slots"));
  const __u32 free = bpf_map__max_entries(bpf_object__find_map_by_name(object_, "free_slots"));
  // The last one pushed is used first.
  for (__u32 slot = all; slot-- > all - free;) {
    if (bpf_map_update_elem(fd, nullptr, &slot, 0) != 0) throw ProbeError("fill the free slots", errno);
  }
}

void ProbeSession::FindSelf() {
  LIBBPF_OPTS(bpf_test_run_opts, options);
  // 0 stays when this fails: every process then counts as the host's, and doctor says so.
  (void)bpf_prog_test_run_opts(bpf_program__fd(Program(kFindSelf)), &options);
}

void ProbeSession::Attach() {
  LibbpfMessages messages;
  // Returns before entries: a call that was entered unseen leaves nothing behind at its return, but one that was
  // only seen to be entered would look like a missed return.
  for (auto it = plan_.programs.rbegin(); it != plan_.programs.rend(); ++it) {
    const PlannedProgram& planned = *it;
    struct bpf_program* program = Program(planned.program);
    struct bpf_link* link = plan_.mode == AttachMode::kKprobe && !planned.function.empty()
                                ? bpf_program__attach_kprobe(program, planned.at_return, planned.function.c_str())
                                : bpf_program__attach(program);
    if (link == nullptr) {
      const int error = errno;
      Detach();
      throw ProbeError(std::string("attach ") + planned.program +
                           (planned.function.empty() ? "" : " to " + planned.function),
                       error, messages.text());
    }
    links_.push_back(link);
  }
}

void ProbeSession::Detach() {
  // Entries first: a call that is in flight still has its return seen.
  for (auto it = links_.rbegin(); it != links_.rend(); ++it) bpf_link__destroy(*it);
  links_.clear();
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
  for (bool first = true; bpf_map_get_next_key(fd, first ? nullptr : &id, &id) == 0; first = false) {
    const auto tgid = static_cast<pid_t>(id >> 32), tid = static_cast<pid_t>(id & 0xffffffff);
    if (syscall(SYS_tgkill, tgid, tid, 0) != 0 && errno == ESRCH) gone.push_back(id);
  }
  size_t swept = 0;
  for (const uint64_t thread : gone) {
    in_flight_attempt attempt;
    if (bpf_map_lookup_elem(fd, &thread, &attempt) != 0 || bpf_map_delete_elem(fd, &thread) != 0) continue;
    if (attempt.slot != NO_SLOT) bpf_map_update_elem(free_slots, nullptr, &attempt.slot, 0);
    // Renames count only once they have a victim; attempts that were lost or dropped before are accounted for.
    const bool counted = attempt.operation != OPERATION_REPLACE || attempt.state != ATTEMPT_BEGUN;
    if (counted && !attempt.self && attempt.state != ATTEMPT_LOST) swept++;
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

  settings_->success_operations[at] = filter.success_operations;
  settings_->failure_operations[at] = filter.failure_operations;
  settings_->mounts_known[at] = filter.mounts_known ? 1 : 0;
  __atomic_store_n(&settings_->generation, generation, __ATOMIC_SEQ_CST);
  return generation;
}

kernel_counters ProbeSession::ReadCounters() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) throw ProbeError("count the CPUs", -cpus);
  std::vector<kernel_counters> each(static_cast<size_t>(cpus));
  const __u32 key = 0;
  if (bpf_map_lookup_elem(MapFd("counters"), &key, each.data()) != 0) throw ProbeError("read the counters", errno);
  kernel_counters sum = {};
  for (const kernel_counters& one : each) {
    sum.seen += one.seen;
    sum.filtered += one.filtered;
    sum.submitted += one.submitted;
    sum.lost_ring_full += one.lost_ring_full;
    sum.lost_state_full += one.lost_state_full;
    sum.missed_returns += one.missed_returns;
    sum.process_unsent += one.process_unsent;
  }
  return sum;
}

uint64_t ProbeSession::MissedRuns() const {
  uint64_t missed = 0;
  struct bpf_program* program;
  bpf_object__for_each_program(program, object_) {
    if (!bpf_program__autoload(program)) continue;
    struct bpf_prog_info info = {};
    __u32 length = sizeof info;
    if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length) == 0) missed += info.recursion_misses;
  }
  // struct bpf_link_info of Linux 6.7 in its first bytes; the headers that are compiled against may be older.
  constexpr size_t kTypeAt = 0, kPerfTypeAt = 16, kMissedAt = 48, kInfoBytes = 64;
  constexpr uint32_t kLinkPerfEvent = 7, kPerfKprobe = 3, kPerfKretprobe = 4;
  for (struct bpf_link* link : links_) {
    alignas(8) unsigned char info[kInfoBytes] = {};
    __u32 length = sizeof info;
    if (bpf_obj_get_info_by_fd(bpf_link__fd(link), info, &length) != 0) continue;
    uint32_t type, perf_type;
    memcpy(&type, info + kTypeAt, sizeof type);
    memcpy(&perf_type, info + kPerfTypeAt, sizeof perf_type);
    if (type != kLinkPerfEvent || (perf_type != kPerfKprobe && perf_type != kPerfKretprobe)) continue;
    uint64_t value;
    memcpy(&value, info + kMissedAt, sizeof value);
    missed += value;
  }
  return missed;
}
