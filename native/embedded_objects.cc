#include "embedded_objects.h"

// Checksums only: they make this file depend on the objects.
#include "mount_listing.bpf.o.h"
#include "rmwatch.bpf.o.h"
#include "rmwatch.direct.bpf.o.h"
#include "rmwatch.loop.bpf.o.h"

// The paths of the objects are set by binding.gyp. libbpf parses an object in place: ELF structures want eight-byte
// alignment.
asm(".section .rodata.rmwatch_probe, \"a\"\n"
    ".balign 8\n"
    "rmwatch_probe_plain: .incbin \"" RMWATCH_PROBE_OBJECT
    "\"\n"
    "rmwatch_probe_plain_end:\n"
    ".balign 8\n"
    "rmwatch_probe_loop: .incbin \"" RMWATCH_PROBE_LOOP_OBJECT
    "\"\n"
    "rmwatch_probe_loop_end:\n"
    ".balign 8\n"
    "rmwatch_probe_direct: .incbin \"" RMWATCH_PROBE_DIRECT_OBJECT
    "\"\n"
    "rmwatch_probe_direct_end:\n"
    ".balign 8\n"
    "rmwatch_mount_listing: .incbin \"" RMWATCH_MOUNT_LISTING_OBJECT
    "\"\n"
    "rmwatch_mount_listing_end:\n"
    ".previous\n");

extern "C" {
extern const char rmwatch_probe_plain[];
extern const char rmwatch_probe_plain_end[];
extern const char rmwatch_probe_loop[];
extern const char rmwatch_probe_loop_end[];
extern const char rmwatch_probe_direct[];
extern const char rmwatch_probe_direct_end[];
extern const char rmwatch_mount_listing[];
extern const char rmwatch_mount_listing_end[];
}

namespace {

EmbeddedObject Between(const char* begin, const char* end) { return {begin, static_cast<size_t>(end - begin)}; }

}  // namespace

EmbeddedObject ProbeObject(ProbeVariant variant) {
  switch (variant) {
    case ProbeVariant::kDirect:
      return Between(rmwatch_probe_direct, rmwatch_probe_direct_end);
    case ProbeVariant::kLoop:
      return Between(rmwatch_probe_loop, rmwatch_probe_loop_end);
    case ProbeVariant::kPlain:
      break;
  }
  return Between(rmwatch_probe_plain, rmwatch_probe_plain_end);
}

EmbeddedObject MountListingObject() { return Between(rmwatch_mount_listing, rmwatch_mount_listing_end); }
