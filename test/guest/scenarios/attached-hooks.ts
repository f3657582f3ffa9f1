/** What the kernel itself says of the hooks that are attached to it. */
import fs from 'node:fs';

/** The kprobes and trampolines that the kernel lists; what a tracepoint calls is listed nowhere. */
export function attachedHooks(): string {
  const read = (file: string) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : '');
  const kprobes = read('/sys/kernel/debug/kprobes/list');
  const trampolines = read('/sys/kernel/tracing/enabled_functions');
  return [kprobes, trampolines].filter(Boolean).join('\n');
}
