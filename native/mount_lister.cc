#include "mount_lister.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <set>

#include "embedded_objects.h"
#include "libbpf_messages.h"
#include "probe_error.h"

namespace {

constexpr int kTries = 8;
/// Changes of the mounts can lead a walk in circles; fs.mount-max is 100,000 by default.
constexpr size_t kMountsBetweenLooks = 256;

/// As seq_escape() of the kernel does in mountinfo.
std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (strchr(" \t\n\\", c) == nullptr) {
      escaped += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    escaped += '\\';
    for (const int shift : {6, 3, 0}) escaped += static_cast<char>('0' + (byte >> shift & 7));
  }
  return escaped;
}

std::string OrSlash(const std::string& path) { return path.empty() ? "/" : Escaped(path); }

/// Up to its end of `size` bytes that another program may write.
std::string Text(const volatile char* text, size_t size) {
  std::string copy;
  for (size_t i = 0; i < size && text[i] != 0; i++) copy += text[i];
  return copy;
}

}  // namespace

/// One mount, and the addresses of those that follow it.
struct MountLister::Told {
  uint64_t child;
  uint64_t sibling;
  uint64_t unique_id;
  uint32_t id;
  uint32_t parent_id;
  uint32_t device;
  /// How the names of its mountpoint end, an enum listed_names_end.
  uint32_t point_end;
  bool is_root_cut;
  std::string root;
  /// Up to the root of the mount that it lies on; ReadOnce() completes it.
  std::string mount_point;
  std::string type;
  std::string source;

  /// Grows from the older to the newer; by numbers that are used again where there are no others.
  uint64_t Age() const { return unique_id != 0 ? unique_id : id; }

  bool IsCut() const { return is_root_cut || point_end == LISTED_NAMES_CUT; }

  std::string Line() const {
    constexpr uint32_t kMinorBits = 20;
    return std::to_string(id) + ' ' + std::to_string(parent_id) + ' ' + std::to_string(device >> kMinorBits) + ':' +
           std::to_string(device & ((1U << kMinorBits) - 1)) + ' ' + OrSlash(root) + ' ' + OrSlash(mount_point) +
           " none - " + Escaped(type) + ' ' + (source.empty() ? "none" : Escaped(source)) + " none\n";
  }
};

MountLister::MountLister() {
  LibbpfMessages messages;
  const EmbeddedObject embedded = MountListingObject();
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "rmwatch_mounts");
  object_.reset(bpf_object__open_mem(embedded.data, embedded.size, &options));
  if (object_ == nullptr) throw ProbeError("open the BPF object", errno, messages.text());
  const int error = bpf_object__load(object_.get());
  if (error != 0) throw ProbeError("load the BPF programs that list mounts", -error, messages.text());
  listing_ = {object_.get(), "listing"};
  Run("find_host");
  if (listing_->root == 0) throw ProbeError("find the mounts of process 1", ESRCH);
}

uint64_t MountLister::Changes() {
  Run("find_host");
  return listing_->changes;
}

std::string MountLister::Read() {
  std::optional<std::string> before;
  for (int i = 0; i < kTries; i++) {
    std::optional<std::string> text = ReadOnce();
    // Directories can be renamed meanwhile, which the count of changes does not tell.
    if (text && text == before) return *text;
    before = std::move(text);
  }
  throw ProbeError("list the mounts of the host while they change", EAGAIN);
}

std::optional<std::string> MountLister::ReadOnce() {
  const uint64_t changes = Changes();
  std::vector<Told> mounts = Walk(changes);
  if (Changes() != changes) return std::nullopt;
  std::stable_sort(mounts.begin(), mounts.end(), [](const Told& a, const Told& b) { return a.Age() < b.Age(); });
  // Of a device that one mount shows at a path that is not known, no mount is told: all of it is wanted then.
  std::set<uint32_t> unknown;
  for (const Told& mount : mounts) {
    if (mount.IsCut()) unknown.insert(mount.device);
  }
  std::string text;
  for (const Told& mount : mounts) {
    if (unknown.count(mount.device) == 0) text += mount.Line();
  }
  return text;
}

std::vector<MountLister::Told> MountLister::Walk(uint64_t changes) {
  struct Next {
    uint64_t mount;
    /// The mount that it lies on, in the list; the root lies on none.
    std::optional<size_t> parent;
  };
  std::vector<Told> mounts;
  std::vector<Next> open = {{listing_->root, std::nullopt}};
  for (size_t visited = 1; !open.empty(); visited++) {
    const Next next = open.back();
    open.pop_back();
    if (visited % kMountsBetweenLooks == 0 && Changes() != changes) return {};
    Told told = Tell(next.mount);
    if (next.parent) {
      if (told.sibling != 0) open.push_back({told.sibling, next.parent});
      // A directory that was moved out of what the mount shows cannot be reached by it, nor what lies on it.
      if (told.point_end == LISTED_NAMES_ROOT) continue;
      const Told& parent = mounts[*next.parent];
      if (parent.point_end == LISTED_NAMES_CUT) told.point_end = LISTED_NAMES_CUT;
      told.mount_point.insert(0, parent.mount_point);
    } else {
      told.mount_point.clear();
      told.point_end = LISTED_NAMES_REACHED;
    }
    if (told.child != 0) open.push_back({told.child, mounts.size()});
    mounts.push_back(std::move(told));
  }
  return mounts;
}

MountLister::Told MountLister::Tell(uint64_t mount) {
  listing_->mount = mount;
  Run("tell_mount");
  Told told = {};
  told.child = listing_->child;
  told.sibling = listing_->sibling;
  told.unique_id = listing_->unique_id;
  told.id = listing_->id;
  told.parent_id = listing_->parent_id;
  told.device = listing_->device;
  told.type = Text(listing_->type, sizeof listing_->type);
  told.source = Text(listing_->source, sizeof listing_->source);
  const uint64_t root = listing_->root_dentry;
  const bool is_top = listing_->root_is_top != 0;
  const bool is_removed = listing_->root_removed != 0;
  told.mount_point = RestOfNames();
  told.point_end = listing_->names_end;
  const bool is_nfs = told.type == "nfs" || told.type == "nfs4";
  if (!is_top || is_nfs) {
    told.root = Names(root);
    told.is_root_cut = listing_->names_end != LISTED_NAMES_ROOT;
  }
  if (!is_nfs) {
    if (is_removed) told.root += "//deleted";
    return told;
  }
  // NFS says of every mount that it shows the root, and what it shows in the source.
  Run("tell_export");
  std::string exported = Text(listing_->source, sizeof listing_->source);
  if (!exported.empty()) {
    while (!told.root.empty() && !exported.empty() && exported.back() == '/') exported.pop_back();
    told.source = exported + told.root;
  }
  told.root.clear();
  return told;
}

std::string MountLister::Names(uint64_t dentry) {
  listing_->names_dentry = dentry;
  listing_->names_until = 0;
  listing_->names_start = LISTED_NAMES_BYTES;
  listing_->names_end = LISTED_NAMES_GOING;
  return RestOfNames();
}

std::string MountLister::RestOfNames() {
  while (listing_->names_end == LISTED_NAMES_GOING) Run("tell_names");
  std::string path;
  for (uint32_t i = listing_->names_start; i < LISTED_NAMES_BYTES; i++) path += listing_->names[i];
  return path;
}

void MountLister::Run(const char* name) {
  const struct bpf_program* program = bpf_object__find_program_by_name(object_.get(), name);
  if (program == nullptr) throw ProbeError(std::string("find the program ") + name, ENOENT);
  LIBBPF_OPTS(bpf_test_run_opts, options);
  const int error = bpf_prog_test_run_opts(bpf_program__fd(program), &options);
  if (error != 0) throw ProbeError(std::string("run the program ") + name, -error);
}
