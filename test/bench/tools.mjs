/**
 * What rmwatch is compared with. A listener has a name, the reason when it cannot work here, and start(), which resolves
 * once it listens to: begin(), end(run) => what it told of a run, memory(), stop().
 */
import fs from 'node:fs';
import path from 'node:path';
import { auditd } from './auditd.mjs';
import { lineTool, missing } from './line-tool.mjs';

const BPFTRACE_PROGRAM =
  'tracepoint:syscalls:sys_enter_unlink, tracepoint:syscalls:sys_enter_unlinkat ' +
  '{ printf("%d %s %s\\n", pid, comm, str(args->pathname)); }';

const ofPids = (pids) => {
  const beginnings = pids.map((pid) => `${pid} `);
  return (line) => beginnings.some((beginning) => line.startsWith(beginning));
};

const saysOnStderr = (text) => (listener) => listener.messages().includes(text);
const saysOnStdout = (text) => (listener) => fs.readFileSync(listener.outputFile, 'utf8').includes(text);

function floor(programs, attach) {
  return lineTool({
    name: `floor ${attach}`,
    command: () => [path.join(programs, 'floor'), attach, path.join(programs, 'floor.bpf.o')],
    isReady: saysOnStderr('attached'),
    isMine: ({ pids }) => ofPids(pids),
  });
}

function bpftrace() {
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

function inotifywait(roots) {
  return lineTool({
    name: 'inotifywait',
    reason: missing('inotifywait', 'inotify-tools'),
    command: () => ['inotifywait', '--monitor', '--recursive', '--event', 'delete', ...Object.values(roots)],
    isReady: saysOnStderr('Watches established'),
    isMine: () => (line) => line.includes(' DELETE'),
  });
}

function fatrace(roots) {
  return lineTool({
    name: 'fatrace',
    reason: missing('fatrace', 'fatrace'),
    // By itself it leaves tmpfs out, and it can be told one mount only.
    filesystems: ['tmpfs'],
    command: () => ['sh', '-c', 'cd "$1" && exec fatrace --current-mount --filter=D', 'sh', roots.tmpfs],
    // It says nothing when it is ready: the first deletion that it tells does.
    isReady: (listener) => {
      const probe = path.join(roots.tmpfs, 'probe');
      fs.writeFileSync(probe, '');
      fs.unlinkSync(probe);
      return saysOnStdout(roots.tmpfs)(listener);
    },
    isMine: () => (line) => Object.values(roots).some((root) => line.includes(root)),
  });
}

/** All of them; `attach` is how the floor hooks the kernel. */
export function otherTools({ programs, roots, attach }) {
  const nobody = {
    name: 'nobody',
    start: async () => ({ begin() {}, end: async () => ({}), memory: () => undefined, stop: async () => {} }),
  };
  return [nobody, floor(programs, attach), bpftrace(), inotifywait(roots), fatrace(roots), auditd(roots)];
}
