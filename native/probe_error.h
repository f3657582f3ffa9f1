#pragma once

#include <stdexcept>
#include <string>

/// What failed, with what errno, and what may help. Thrown once, turned into a JavaScript error at the boundary.
class ProbeError : public std::runtime_error {
 public:
  /// `error` is a positive errno; `details` is what libbpf or the verifier said, if anything.
  ProbeError(std::string operation, int error, std::string details = "");

  const std::string& operation() const { return operation_; }
  int error() const { return error_; }
  const std::string& details() const { return details_; }

 private:
  std::string operation_;
  int error_;
  std::string details_;
};

/// The name of an errno, "ENOENT".
std::string ErrnoName(int error);
