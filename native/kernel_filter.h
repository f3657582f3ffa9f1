#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loaded_probe.h"
#include "unique_fd.h"

class PrefixTable;

/// What the kernel's filter should pass: the masks are those of bpf/filter.bpf.h.
struct Filter {
  struct Prefix {
    std::string bytes;
    uint32_t wanted;
  };
  struct Place {
    /// A device number, PLACE_MOUNT and the number of a mount, or PLACE_PROCESS_VIEW.
    uint64_t place;
    uint32_t wanted;
  };
  std::vector<Prefix> prefixes;
  /// A table that holds the prefixes instead of `prefixes`, or null.
  const PrefixTable* table = nullptr;
  std::vector<Place> places;
  /// `places` holds every mount of this host.
  bool mounts_known = false;
  uint32_t success_operations = 0;
  uint32_t failure_operations = 0;
};

/// The prefixes of filters to come, in a map of the kernel: several filters can use one table, and it can be filled bit
/// by bit. What throws throws ProbeError.
class PrefixTable {
 public:
  /// With room for `count` prefixes.
  explicit PrefixTable(size_t count);
  void Add(const Filter::Prefix& prefix);
  int fd() const { return map_.get(); }

 private:
  UniqueFd map_;
};

/// Writes `filter` to the place of its generation, where nothing uses it until UseFilter(). Throws ProbeError.
void FillFilter(const LoadedProbe& probe, const Filter& filter, uint32_t generation);

/// Puts the filter that was filled last in force, at once and as a whole.
void UseFilter(const LoadedProbe& probe, const Filter& filter, uint32_t generation);
