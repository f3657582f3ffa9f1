#include "attempt_sweep.h"

#include <bpf/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <vector>

#include "../bpf/record.h"

namespace {

/// Two system calls each, so that a sweep takes a millisecond or two.
constexpr uint32_t kSweepSteps = 2048;

}  // namespace

size_t AttemptSweep::Run(const LoadedProbe& probe) {
  // In another pid namespace the numbers of threads mean other threads.
  if (probe.settings().self_tgid != static_cast<__u32>(getpid())) return 0;
  const int fd = probe.MapFd("attempts");
  const int free_slots = probe.MapFd("free_slots");
  std::vector<uint64_t> gone;
  uint64_t id = 0;
  // Some at a time, each time from where the last walk stopped; a key that vanished meanwhile starts it again.
  for (uint32_t step = 0; step < kSweepSteps; step++) {
    if (bpf_map_get_next_key(fd, last_.has_value() ? &*last_ : nullptr, &id) != 0) {
      last_.reset();
      break;
    }
    last_ = id;
    const uint64_t thread = id & ((1ull << ATTEMPT_PART_SHIFT) - 1);
    const auto tgid = static_cast<pid_t>(thread >> 32), tid = static_cast<pid_t>(thread & 0xffffffff);
    if (syscall(SYS_tgkill, tgid, tid, 0) != 0 && errno == ESRCH) gone.push_back(id);
  }
  size_t swept = 0;
  for (const uint64_t key : gone) {
    in_flight_attempt attempt;
    if (bpf_map_lookup_elem(fd, &key, &attempt) != 0 || bpf_map_delete_elem(fd, &key) != 0) continue;
    if (attempt.slot == NO_SLOT) continue;
    bpf_map_update_elem(free_slots, nullptr, &attempt.slot, 0);
    swept++;
  }
  return swept;
}
