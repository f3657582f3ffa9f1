#include "probe_error.h"

#include <cstring>
#include <utility>

ProbeError::ProbeError(std::string operation, int error, std::string details)
    : std::runtime_error(operation + ": " + ErrnoName(error) + " (" + strerror(error) + ")"),
      operation_(std::move(operation)),
      error_(error),
      details_(std::move(details)) {}

std::string ErrnoName(int error) {
  const char* name = strerrorname_np(error);
  return name != nullptr ? name : "errno " + std::to_string(error);
}
