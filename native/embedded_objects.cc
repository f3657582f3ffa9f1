#include "embedded_objects.h"

// Checksums only: they make this file depend on the objects.
#include "rmwatch.bpf.o.h"
#include "rmwatch.loop.bpf.o.h"

// RMWATCH_PROBE_OBJECT and RMWATCH_PROBE_LOOP_OBJECT are the paths of the objects, set by binding.gyp.
// libbpf parses the object in place: ELF structures want eight-byte alignment.
asm(".section .rodata.rmwatch_probe, \"a\"\n"
    ".balign 8\n"
    "rmwatch_probe_begin: .incbin \"" RMWATCH_PROBE_OBJECT "\"\n"
    "rmwatch_probe_end:\n"
    ".balign 8\n"
    "rmwatch_probe_loop_begin: .incbin \"" RMWATCH_PROBE_LOOP_OBJECT "\"\n"
    "rmwatch_probe_loop_end:\n"
    ".previous\n");

extern "C" {
extern const char rmwatch_probe_begin[];
extern const char rmwatch_probe_end[];
extern const char rmwatch_probe_loop_begin[];
extern const char rmwatch_probe_loop_end[];
}

EmbeddedObject ProbeObject(bool has_bpf_loop) {
  if (has_bpf_loop) {
    return {rmwatch_probe_loop_begin, static_cast<size_t>(rmwatch_probe_loop_end - rmwatch_probe_loop_begin)};
  }
  return {rmwatch_probe_begin, static_cast<size_t>(rmwatch_probe_end - rmwatch_probe_begin)};
}
