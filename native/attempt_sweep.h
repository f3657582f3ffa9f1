#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "loaded_probe.h"

/// Removes what threads left behind that are gone without their end having been seen.
class AttemptSweep {
 public:
  /// Looks at some thousand threads, from where the last run stopped. Returns how many attempts were accounted for
  /// nowhere else.
  size_t Run(const LoadedProbe& probe);

 private:
  /// The thread that the last run ended at; nullopt: the next one begins with the first.
  std::optional<uint64_t> last_;
};
