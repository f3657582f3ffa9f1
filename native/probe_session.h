#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../bpf/record.h"
#include "attachments.h"
#include "attempt_sweep.h"
#include "backlog.h"
#include "kernel_filter.h"
#include "loaded_probe.h"
#include "ring_reader.h"

/// Owns the loaded programs, their links and the ring. Every step throws ProbeError; what was built is taken down by
/// the destructor, in any state. Knows nothing of JavaScript.
class ProbeSession {
 public:
  /// Loads the programs of the mode into the kernel; nothing runs yet. `ring_bytes`: a power of two of pages.
  /// `ask_verifier`: have the verifier say how much it simulated, for kernels that tell it nowhere else.
  ProbeSession(AttachMode mode, size_t ring_bytes, bool ask_verifier = false);
  ProbeSession(const ProbeSession&) = delete;
  ProbeSession& operator=(const ProbeSession&) = delete;

  /// Attaches the programs; from now on records arrive.
  void Attach() { attachments_.Attach(); }
  /// Detaches all programs; what is in the ring stays readable.
  void Detach() { attachments_.Detach(); }

  const LoadedProbe& loaded() const { return loaded_; }
  const Attachments& attachments() const { return attachments_; }
  RingReader& ring() { return ring_; }
  /// Null until StartBacklog().
  Backlog* backlog() { return backlog_.get(); }
  /// From now on a thread takes records out of a ring that fills up, into memory of `bytes` at most. Throws.
  void StartBacklog(size_t bytes);
  /// Bytes of records that wait, in the ring and in the backlog.
  size_t WaitingBytes();
  volatile probe_settings& settings() { return loaded_.settings(); }
  /// Why programs were left out that others can do without; empty when none was.
  const std::string& left_out() const;

  /// Makes `filter` the one in force, at once and as a whole. Returns its generation, which every record carries
  /// that was judged by it. Attaches and detaches the programs for failures.
  uint32_t SetFilter(const Filter& filter);
  /// Makes a table for `count` prefixes of filters to come, and returns its number. It stays until DropPrefixes().
  uint32_t NewPrefixes(size_t count);
  /// Throws for a number that no table has.
  PrefixTable& Prefixes(uint32_t number);
  /// Filters that are in force keep what they need of it.
  void DropPrefixes(uint32_t number) { tables_.erase(number); }
  /// See AttemptSweep.
  size_t SweepAttempts() { return sweep_.Run(loaded_); }
  /// See Attachments.
  void FollowFilesystems() { attachments_.FollowFilesystems(); }

 private:
  ProbeSession(const KernelBtf& btf, AttachMode mode, size_t ring_bytes, bool ask_verifier);

  // In this order: each needs those before it, and is taken down before them.
  LoadedProbe loaded_;
  RingReader ring_;
  std::unique_ptr<Backlog> backlog_;
  Attachments attachments_;
  AttemptSweep sweep_;
  std::map<uint32_t, PrefixTable> tables_;
  uint32_t last_table_ = 0;
};
