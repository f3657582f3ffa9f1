#include "probe_session.h"

#include <unistd.h>

#include <cerrno>

#include "kernel_btf.h"
#include "probe_error.h"

namespace {

/// libbpf rounds other sizes up without a word, and the reader's arithmetic needs the true one.
size_t CheckedRingBytes(size_t bytes) {
  if ((bytes & (bytes - 1)) != 0 || bytes % static_cast<size_t>(getpagesize()) != 0) {
    throw ProbeError("size the ring buffer to " + std::to_string(bytes) + " bytes", EINVAL);
  }
  return bytes;
}

}  // namespace

ProbeSession::ProbeSession(AttachMode mode, size_t ring_bytes, bool ask_verifier)
    : ProbeSession(KernelBtf(), mode, CheckedRingBytes(ring_bytes), ask_verifier) {}

ProbeSession::ProbeSession(const KernelBtf& btf, AttachMode mode, size_t ring_bytes, bool ask_verifier)
    : loaded_(mode, btf, ring_bytes, ask_verifier),
      ring_(loaded_.MapFd("ring"), ring_bytes),
      attachments_(loaded_, btf) {}

void ProbeSession::StartBacklog(size_t bytes) {
  if (backlog_ != nullptr) throw ProbeError("start the backlog twice", EALREADY);
  if (ring_.Collected()) throw ProbeError("start the backlog before records are released", EBUSY);
  backlog_ = std::make_unique<Backlog>(ring_, &settings().armed, bytes);
}

size_t ProbeSession::WaitingBytes() {
  // In this order what moves meanwhile counts twice, not never.
  const size_t in_ring = ring_.UsedBytes();
  return in_ring + (backlog_ == nullptr ? 0 : backlog_->UsedBytes());
}

const std::string& ProbeSession::left_out() const {
  return loaded_.left_out().empty() ? attachments_.left_out() : loaded_.left_out();
}

uint32_t ProbeSession::SetFilter(const Filter& filter) {
  const uint32_t generation = settings().generation + 1;
  const bool wants_failures = filter.failure_operations != 0;
  FillFilter(loaded_, filter, generation);
  // Returns are hooked before the first failure is wanted, and until after the last one was.
  if (wants_failures) attachments_.FollowFailures(true);
  UseFilter(loaded_, filter, generation);
  if (!wants_failures) attachments_.FollowFailures(false);
  return generation;
}

uint32_t ProbeSession::NewPrefixes(size_t count) {
  tables_.emplace(last_table_ + 1, count);
  return ++last_table_;
}

PrefixTable& ProbeSession::Prefixes(uint32_t number) {
  const auto found = tables_.find(number);
  if (found == tables_.end()) throw ProbeError("find table " + std::to_string(number) + " of prefixes", ENOENT);
  return found->second;
}
