/**
 * What rmwatch is compared with. A listener has a name, the reason when it cannot work here, and start(), which resolves
 * once it listens to: begin(), end(run) => what it told of a run, memory(), stop().
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ListenerProcess } from './listener-process.mjs';

const BPFTRACE_PROGRAM =
  'tracepoint:syscalls:sys_enter_unlink, tracepoint:syscalls:sys_enter_unlinkat ' +
  '{ printf("%d %s %s\\n", pid, comm, str(args->pathname)); }';

export function isInstalled(program) {
  try {
    execFileSync('sh', ['-c', `PATH="$PATH:/usr/sbin:/sbin" command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const missing = (program, debianPackage) =>
  isInstalled(program) ? undefined : `${program} is not installed: scripts/setup.sh --bench (${debianPackage})`;

const ofPids = (pids) => {
  const beginnings = pids.map((pid) => `${pid} `);
  return (line) => beginnings.some((beginning) => line.startsWith(beginning));
};

/** A listener that is one process and writes one line for each deletion that it tells. */
function lineTool({ name, reason, filesystems, command, isReady, isMine, outputFile, prepare }) {
  return {
    name,
    reason,
    filesystems,
    async start({ outputs, quietMs }) {
      await prepare?.(outputs);
      const listener = new ListenerProcess({
        name,
        command: command(outputs),
        outputs,
        quietMs,
        outputFile: outputFile?.(outputs),
      });
      await listener.ready(() => isReady(listener));
      return {
        pid: listener.pid,
        begin: () => listener.begin(),
        async end(run) {
          const cpu = await listener.settle();
          const told = listener.countLines(isMine(run));
          return { told, cpuSeconds: cpu, invalid: told === 0 ? 'it told nothing' : undefined };
        },
        memory: () => listener.memory(),
        stop: () => listener.stop(),
      };
    },
  };
}

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

function auditd(roots) {
  const log = (outputs) => path.join(outputs, 'audit.log');
  return lineTool({
    name: 'auditd',
    reason: process.env.RMWATCH_GUEST
      ? missing('auditd', 'auditd')
      : 'in a guest only: it has the rules of a whole machine',
    prepare(outputs) {
      const settings = ['log_file', 'max_log_file_action'];
      const lines = fs.readFileSync('/etc/audit/auditd.conf', 'utf8').split('\n');
      const kept = lines.filter((line) => !settings.some((setting) => line.startsWith(`${setting} `)));
      fs.mkdirSync(path.join(outputs, 'audit'), { recursive: true, mode: 0o700 });
      fs.cpSync('/etc/audit', path.join(outputs, 'audit'), { recursive: true });
      const own = [...kept, `log_file = ${log(outputs)}`, 'max_log_file_action = IGNORE', ''];
      fs.writeFileSync(path.join(outputs, 'audit/auditd.conf'), own.join('\n'));
      execFileSync('auditctl', ['-D'], { stdio: 'ignore' });
      for (const root of Object.values(roots)) {
        const calls = ['-S', 'unlink', '-S', 'unlinkat', '-S', 'rmdir'];
        execFileSync(
          'auditctl',
          ['-a', 'always,exit', '-F', 'arch=b64', ...calls, '-F', `dir=${root}`, '-k', 'bench'],
          {
            stdio: 'ignore',
          },
        );
      }
    },
    command: (outputs) => ['auditd', '-n', '-c', path.join(outputs, 'audit')],
    outputFile: log,
    isReady: (listener) => fs.existsSync(listener.outputFile) && listener.outputBytes() > 0,
    isMine: () => (line) => line.includes('type=SYSCALL') && line.includes('bench'),
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
