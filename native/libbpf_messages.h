#pragma once

#include <string>

/// Collects what libbpf prints on this thread while it lives, bounded; nothing reaches stderr.
class LibbpfMessages {
 public:
  LibbpfMessages();
  ~LibbpfMessages();
  LibbpfMessages(const LibbpfMessages&) = delete;
  LibbpfMessages& operator=(const LibbpfMessages&) = delete;

  /// Warnings so far, the last ones when there were too many.
  const std::string& text() const { return text_; }
  void Append(const std::string& message);

 private:
  std::string text_;
  LibbpfMessages* outer_;
};
