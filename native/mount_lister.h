#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../bpf/mount_listing.h"
#include "bpf_owners.h"
#include "bpf_variable.h"

/// Asks the kernel for the mounts of the host's first process, whichever namespaces this process is in. Needs CAP_BPF
/// and CAP_PERFMON. Not for several threads.
class MountLister {
 public:
  /// Loads bpf/mount_listing.bpf.c. Throws ProbeError.
  MountLister();

  /// Grows with each change of the mounts.
  uint64_t Changes();

  /// A line for each mount in the form of proc_pid_mountinfo(5), the oldest first as far as their numbers tell (exactly
  /// from Linux 6.8 on). Of the options there is none. Paths begin at the root of the first mount. Where a path has
  /// more than some 15,000 bytes between two mounts, no mount of that device is told. Two lists in a row were the same.
  /// Throws ProbeError, EAGAIN when the mounts change all the time.
  std::string Read();

 private:
  struct Told;

  /// Runs one of the programs. Throws ProbeError.
  void Run(const char* program);
  /// The path from `dentry` up to the root of its filesystem; listing_->names_end tells how it ended.
  std::string Names(uint64_t dentry);
  /// A path that a program has begun to tell, whole.
  std::string RestOfNames();
  Told Tell(uint64_t mount);
  /// Nothing when the mounts changed meanwhile.
  std::optional<std::string> ReadOnce();
  /// Those that can be reached from the root, of the time when there were so many changes.
  std::vector<Told> Walk(uint64_t changes);

  BpfObject object_;
  BpfVariable<volatile mount_listing> listing_;
};
