/** What the kernel itself says of the hooks that are attached to it. */
import fs from 'node:fs';
import { sleep } from './daemon.mjs';

/** The kprobes and trampolines that the kernel lists; what a tracepoint calls is listed nowhere. */
export function attachedHooks() {
  const read = (file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : '');
  const kprobes = read('/sys/kernel/debug/kprobes/list');
  const trampolines = read('/sys/kernel/tracing/enabled_functions');
  return [kprobes, trampolines].filter(Boolean).join('\n');
}

/** Kills the daemon by SIGKILL and returns what is wrong with the hooks after that; `before` is from before its start. */
export async function killLeavesNothing(daemon, before) {
  const during = attachedHooks();
  daemon.child.kill('SIGKILL');
  await daemon.exited;
  let after = attachedHooks();
  // Trampolines are freed after a grace period.
  for (let round = 0; round < 100 && after !== before; round++) {
    await sleep(100);
    after = attachedHooks();
  }
  const problems = [];
  if (after !== before) problems.push(`still attached: ${after}`);
  if (daemon.mode !== 'tracepoint' && during === before) problems.push('the hooks were not listed while attached');
  return problems;
}
