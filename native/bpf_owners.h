#pragma once

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <memory>

struct BpfObjectDeleter {
  void operator()(struct bpf_object* object) const { bpf_object__close(object); }
};
struct BpfLinkDeleter {
  /// Detaches, too.
  void operator()(struct bpf_link* link) const { bpf_link__destroy(link); }
};
struct BtfDeleter {
  void operator()(struct btf* btf) const { btf__free(btf); }
};

using BpfObject = std::unique_ptr<struct bpf_object, BpfObjectDeleter>;
using BpfLink = std::unique_ptr<struct bpf_link, BpfLinkDeleter>;
using Btf = std::unique_ptr<struct btf, BtfDeleter>;
