/** What rmwatch is compared with. */
import fs from 'node:fs';
import path from 'node:path';
import { auditd } from './auditd.js';
import { missing } from './installed.js';
import { lineTool } from './line-tool.js';
import { type Listener, nobody } from './listener.js';
import type { ToolProcess } from './tool-process.js';
import type { Roots } from './workloads.js';

const BPFTRACE_PROGRAM =
  'tracepoint:syscalls:sys_enter_unlink, tracepoint:syscalls:sys_enter_unlinkat ' +
  '{ printf("%d %s %s\\n", pid, comm, str(args->pathname)); }';

function ofPids(pids: readonly number[]): (line: string) => boolean {
  const beginnings = pids.map((pid) => `${pid} `);
  return (line) => beginnings.some((beginning) => line.startsWith(beginning));
}

const saysOnStderr = (text: string) => (tool: ToolProcess) => tool.messages().includes(text);
const saysOnStdout = (text: string) => (tool: ToolProcess) => tool.output().includes(text);

/** `attach`: how it hooks the kernel. */
function floor(programs: string, attach: string): Listener {
  return lineTool({
    name: `floor ${attach}`,
    command: () => [path.join(programs, 'floor'), attach, path.join(programs, 'floor.bpf.o')],
    isReady: saysOnStderr('attached'),
    isMine: ({ pids }) => ofPids(pids),
  });
}

function bpftrace(): Listener {
  // It wants tracefs, which not every machine mounts: in a mount namespace of its own.
  const script = `mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing; exec bpftrace -e '${BPFTRACE_PROGRAM}'`;
  return lineTool({
    name: 'bpftrace',
    reason: missing('bpftrace', 'bpftrace'),
    command: () => ['unshare', '--mount', 'sh', '-c', script],
    isReady: saysOnStdout('Attaching'),
    isMine: ({ pids }) => ofPids(pids),
  });
}

function inotifywait(roots: Roots): Listener {
  return lineTool({
    name: 'inotifywait',
    reason: missing('inotifywait', 'inotify-tools'),
    command: () => ['inotifywait', '--monitor', '--recursive', '--event', 'delete', ...Object.values(roots)],
    isReady: saysOnStderr('Watches established'),
    isMine: () => (line) => line.includes(' DELETE'),
  });
}

function fatrace(roots: Roots): Listener {
  return lineTool({
    name: 'fatrace',
    reason: missing('fatrace', 'fatrace'),
    // By itself it leaves tmpfs out, and it can be told one mount only.
    filesystems: ['tmpfs'],
    command: () => ['sh', '-c', 'cd "$1" && exec fatrace --current-mount --filter=D', 'sh', roots.tmpfs],
    // It says nothing when it is ready: the first deletion that it tells does.
    isReady: (tool) => {
      const probe = path.join(roots.tmpfs, 'probe');
      fs.writeFileSync(probe, '');
      fs.unlinkSync(probe);
      return saysOnStdout(roots.tmpfs)(tool);
    },
    isMine: () => (line) => Object.values(roots).some((root) => line.includes(root)),
  });
}

export interface OtherTools {
  /** Directory of the bench's own programs. */
  readonly programs: string;
  readonly roots: Roots;
  /** How the floor hooks the kernel. */
  readonly attach: string;
}

/** All of them, nobody first. */
export function otherTools({ programs, roots, attach }: OtherTools): Listener[] {
  return [nobody, floor(programs, attach), bpftrace(), inotifywait(roots), fatrace(roots), auditd(roots)];
}
