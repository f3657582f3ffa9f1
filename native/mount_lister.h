#pragma once

#include <cstdint>
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

  /// A line for each mount in the form of proc_pid_mountinfo(5), in the order of their age where the kernel tells it.
  /// Of the options there is none. Paths begin at the root of the first mount. Throws ProbeError, EAGAIN when the
  /// mounts change all the time.
  std::string Read();

 private:
  struct Told;

  /// Runs one of the programs. Throws ProbeError.
  void Run(const char* program);
  /// The path from `dentry` up to the root of its filesystem. Throws ProbeError (ENAMETOOLONG).
  std::string Names(uint64_t dentry);
  /// What is left of a path that a program has begun to tell, and that as well. Throws as Names().
  std::string RestOfNames();
  Told Tell(uint64_t mount);
  /// Those that can be reached from the root.
  std::vector<Told> ReadOnce();

  BpfObject object_;
  BpfVariable<volatile mount_listing> listing_;
};
