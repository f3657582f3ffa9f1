#include "kernel_filter.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "probe_error.h"

namespace {

uint32_t EntriesFor(size_t count) { return std::max<uint32_t>(1, static_cast<uint32_t>(count)); }

UniqueFd Created(const char* what, int fd) {
  if (fd < 0) throw ProbeError(std::string("create the filter of ") + what, -fd);
  return UniqueFd(fd);
}

void Update(int map, const void* key, const void* value) {
  if (bpf_map_update_elem(map, key, value, BPF_ANY) != 0) throw ProbeError("fill the filter", errno);
}

UniqueFd PlaceMap(const std::vector<Filter::Place>& places) {
  UniqueFd map = Created("places", bpf_map_create(BPF_MAP_TYPE_HASH, "places", sizeof(__u64), sizeof(__u32),
                                                  EntriesFor(places.size()), nullptr));
  for (const Filter::Place& place : places) Update(map.get(), &place.place, &place.wanted);
  return map;
}

}  // namespace

PrefixTable::PrefixTable(size_t count) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
  map_ = Created("prefixes", bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "prefixes", sizeof(__u32) + FILTER_PREFIX_BYTES,
                                            sizeof(__u32), EntriesFor(count), &options));
}

void PrefixTable::Add(const Filter::Prefix& prefix) {
  struct {
    __u32 bits;
    __u8 bytes[FILTER_PREFIX_BYTES];
  } key = {};
  const size_t length = std::min<size_t>(prefix.bytes.size(), FILTER_PREFIX_BYTES);
  key.bits = static_cast<__u32>(length * 8);
  memcpy(key.bytes, prefix.bytes.data(), length);
  Update(map_.get(), &key, &prefix.wanted);
}

void FillFilter(const LoadedProbe& probe, const Filter& filter, uint32_t generation) {
  const __u32 at = generation % FILTER_GENERATIONS;
  PrefixTable own(filter.prefixes.size());
  for (const Filter::Prefix& prefix : filter.prefixes) own.Add(prefix);
  const UniqueFd places = PlaceMap(filter.places);
  const int prefixes_fd = filter.table != nullptr ? filter.table->fd() : own.fd(), places_fd = places.get();
  Update(probe.MapFd("prefix_filters"), &at, &prefixes_fd);
  Update(probe.MapFd("place_filters"), &at, &places_fd);
}

void UseFilter(const LoadedProbe& probe, const Filter& filter, uint32_t generation) {
  volatile probe_settings& settings = probe.settings();
  const __u32 at = generation % FILTER_GENERATIONS;
  settings.success_operations[at] = filter.success_operations;
  settings.failure_operations[at] = filter.failure_operations;
  settings.mounts_known[at] = filter.mounts_known ? 1 : 0;
  __atomic_store_n(&settings.generation, generation, __ATOMIC_SEQ_CST);
}
