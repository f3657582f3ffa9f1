#include "mapping.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "probe_error.h"

size_t WholePages(size_t bytes) {
  const auto page = static_cast<size_t>(getpagesize());
  return (bytes + page - 1) / page * page;
}

Mapping::Mapping(const char* operation, size_t bytes, int protection, int flags, int fd, off_t offset) {
  void* data = mmap(nullptr, bytes, protection, flags, fd, offset);
  if (data == MAP_FAILED) throw ProbeError(operation, errno);
  data_ = data;
  bytes_ = bytes;
}

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(data_, bytes_);
}
