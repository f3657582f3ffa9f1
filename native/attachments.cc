#include "attachments.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <set>

#include "kernel_btf.h"
#include "libbpf_messages.h"
#include "probe_error.h"

namespace {

/// Whether the kernel has a filesystem whose renames a thread of its own does: ceph.
bool KernelRenamesLate() {
  std::ifstream filesystems("/proc/filesystems");
  for (std::string line; std::getline(filesystems, line);) {
    if (line == "nodev\tceph") return true;
  }
  return false;
}

/// The bit of probe_settings.success_kinds.
__u32 KindBit(const PlannedProgram& planned) {
  return 1u << (planned.kind == ProgramKind::kFentry ? KIND_FENTRY : KIND_KPROBE);
}

}  // namespace

Attachments::Attachments(const LoadedProbe& probe, const KernelBtf& btf)
    : probe_(probe),
      counts_kprobe_misses_(btf.HasMember("bpf_link_info", "missed")),
      counts_trampoline_misses_(btf.HasMember("bpf_prog_info", "recursion_misses")) {}

Attachments::~Attachments() { Detach(); }

BpfLink Attachments::TryAttach(const PlannedProgram& planned) const {
  struct bpf_program* program = probe_.Program(planned.program);
  const char* function = planned.function.c_str();
  switch (planned.kind) {
    case ProgramKind::kKprobeMulti: {
      LIBBPF_OPTS(bpf_kprobe_multi_opts, options, .syms = &function, .cnt = 1);
      return BpfLink(bpf_program__attach_kprobe_multi_opts(program, nullptr, &options));
    }
    case ProgramKind::kKprobe:
      return BpfLink(bpf_program__attach_kprobe(program, false, function));
    case ProgramKind::kKretprobe:
      return BpfLink(bpf_program__attach_kprobe(program, true, function));
    default:
      return BpfLink(bpf_program__attach(program));
  }
}

void Attachments::AttachProgram(const PlannedProgram& planned) {
  LibbpfMessages messages;
  BpfLink link = TryAttach(planned);
  if (link != nullptr) {
    links_.push_back({planned, std::move(link)});
    return;
  }
  const ProbeError error(std::string("attach ") + planned.program +
                             (planned.function.empty() ? "" : " to " + planned.function),
                         errno, messages.text());
  if (!planned.optional) throw error;
  if (left_out_.empty()) left_out_ = error.what();
}

void Attachments::AttachReturns(HookRole role) {
  try {
    for (const PlannedProgram& planned : probe_.plan().programs) {
      if (planned.role != role) continue;
      const auto same = [&](const Link& link) {
        return link.planned.role == role && link.planned.function == planned.function;
      };
      if (std::none_of(links_.begin(), links_.end(), same)) AttachProgram(planned);
    }
  } catch (...) {
    DetachRole(role);
    throw;
  }
}

void Attachments::Attach() {
  try {
    // Returns first: a failure that was only seen to be entered would look like a missed return. Until the entries are
    // hooked, a call that fails counts as lost instead.
    const bool failures = probe_.settings().failure_operations[probe_.settings().generation % FILTER_GENERATIONS] != 0;
    probe_.settings().late_renames = 0;
    if (failures) {
      AttachReturns(HookRole::kReturn);
      AttachReturns(HookRole::kRenameReturn);
    }
    try {
      AttachLateReturns();
    } catch (const ProbeError& error) {
      // Everything else works without them, and FollowFilesystems() tries again.
      if (left_out_.empty()) left_out_ = error.what();
    }
    for (const PlannedProgram& planned : probe_.plan().programs) {
      if (planned.role == HookRole::kBefore || planned.role == HookRole::kThreadEnd) AttachProgram(planned);
    }
    // Success hooks last: what they find no beginning of is told without its mount. Each program has to know whether
    // another one runs beside it; meanwhile one that does not run yet is taken for one that was left out.
    for (const PlannedProgram& planned : probe_.plan().programs) {
      if (planned.role == HookRole::kSuccess)
        probe_.settings().success_kinds = probe_.settings().success_kinds | KindBit(planned);
    }
    for (const PlannedProgram& planned : probe_.plan().programs) {
      if (planned.role == HookRole::kSuccess) AttachProgram(planned);
    }
    __u32 kinds = 0;
    for (const Link& link : links_) {
      if (link.planned.role == HookRole::kSuccess) kinds |= KindBit(link.planned);
    }
    probe_.settings().success_kinds = kinds;
  } catch (...) {
    Detach();
    throw;
  }
  attached_ = true;
}

void Attachments::FollowFailures(bool wanted) {
  if (wanted) {
    if (!attached_) return;
    try {
      AttachReturns(HookRole::kReturn);
      AttachReturns(HookRole::kRenameReturn);
    } catch (...) {
      DetachUnwantedReturns();
      throw;
    }
  } else {
    DetachUnwantedReturns();
  }
}

void Attachments::DetachUnwantedReturns() {
  // A trampoline's program cannot be attached again everywhere (before 5.13): in fentry mode it stays, and finds
  // nothing.
  if (probe_.plan().mode != AttachMode::kKprobe) return;
  DetachRole(HookRole::kReturn);
  if (!probe_.settings().late_renames) DetachRole(HookRole::kRenameReturn);
}

void Attachments::FollowFilesystems() {
  if (attached_ && !probe_.settings().late_renames) AttachLateReturns();
}

void Attachments::AttachLateReturns() {
  // In tracepoint mode the end of each system call is seen anyway.
  if (probe_.plan().mode == AttachMode::kTracepoint || !KernelRenamesLate()) return;
  AttachReturns(HookRole::kRenameReturn);
  probe_.settings().late_renames = 1;
}

void Attachments::DetachRole(HookRole role) {
  const auto gone =
      std::stable_partition(links_.begin(), links_.end(), [&](const Link& link) { return link.planned.role != role; });
  links_.erase(gone, links_.end());
}

void Attachments::Detach() {
  attached_ = false;
  // Success hooks first: without the entry of its call a deletion would be told without its mount.
  DetachRole(HookRole::kSuccess);
  DetachRole(HookRole::kBefore);
  DetachRole(HookRole::kThreadEnd);
  DetachRole(HookRole::kReturn);
  DetachRole(HookRole::kRenameReturn);
}

std::vector<AttachedProgram> Attachments::Programs() const {
  std::vector<AttachedProgram> programs;
  programs.reserve(links_.size());
  for (const auto& [planned, link] : links_) {
    programs.push_back({planned.program, planned.function, planned.kind, planned.role});
  }
  return programs;
}

uint64_t Attachments::MissedOf(const Link& link) const {
  uint64_t missed = 0;
  struct bpf_prog_info program = {};
  __u32 length = sizeof program;
  if (bpf_obj_get_info_by_fd(bpf_program__fd(probe_.Program(link.planned.program)), &program, &length) == 0)
    missed += program.recursion_misses;
  // struct bpf_link_info of Linux 6.7 in its first bytes; the headers that are compiled against may be older.
  constexpr size_t kTypeAt = 0, kPerfTypeAt = 16, kPerfMissedAt = 48, kMultiMissedAt = 32, kInfoBytes = 64;
  constexpr uint32_t kLinkPerfEvent = 7, kLinkKprobeMulti = 8, kPerfKprobe = 3, kPerfKretprobe = 4;
  alignas(8) unsigned char info[kInfoBytes] = {};
  length = sizeof info;
  if (bpf_obj_get_info_by_fd(bpf_link__fd(link.link.get()), info, &length) != 0) return missed;
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

uint64_t Attachments::MissedRuns() const {
  uint64_t missed = 0;
  for (const Link& link : links_) missed += MissedOf(link);
  return missed;
}

std::optional<uint64_t> Attachments::SkippedSuccesses() const {
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
