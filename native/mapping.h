#pragma once

#include <sys/types.h>

#include <cstddef>
#include <utility>

/// What mmap(2) takes for `bytes`.
size_t WholePages(size_t bytes);

/// Owns memory that mmap(2) gave.
class Mapping {
 public:
  Mapping() = default;
  /// Throws ProbeError, whose operation is `operation`.
  Mapping(const char* operation, size_t bytes, int protection, int flags, int fd = -1, off_t offset = 0);
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Mapping();

  /// Null when it owns nothing.
  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  /// What lies `offset` bytes behind the beginning.
  template <typename T>
  T* At(size_t offset = 0) const {
    return reinterpret_cast<T*>(static_cast<char*>(data_) + offset);
  }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};
