#include "libbpf_messages.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>

namespace {

// The verifier's log of a failed load can be megabytes; its end says what was wrong.
constexpr size_t kTextBytes = size_t{16} * 1024;

// libbpf has one print callback for the process; who listens is decided by thread.
thread_local LibbpfMessages* listener = nullptr;

int Print(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (listener == nullptr || level > LIBBPF_WARN) return 0;
  va_list again;
  va_copy(again, arguments);
  const int length = vsnprintf(nullptr, 0, format, again);
  va_end(again);
  if (length < 0) return length;
  std::string message(static_cast<size_t>(length) + 1, '\0');
  vsnprintf(message.data(), message.size(), format, arguments);
  message.pop_back();
  listener->Append(message);
  return length;
}

}  // namespace

LibbpfMessages::LibbpfMessages() : outer_(listener) {
  libbpf_set_print(Print);
  listener = this;
}

LibbpfMessages::~LibbpfMessages() { listener = outer_; }

void LibbpfMessages::Append(const std::string& message) {
  text_ += message;
  if (text_.size() > kTextBytes) text_.erase(0, text_.size() - kTextBytes);
}
