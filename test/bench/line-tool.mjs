/** Listeners that are one program each. */
import { execFileSync } from 'node:child_process';
import { ListenerProcess } from './listener-process.mjs';

function isInstalled(program) {
  try {
    execFileSync('sh', ['-c', `PATH="$PATH:/usr/sbin:/sbin" command -v ${program}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The reason when a program is not there. */
export const missing = (program, debianPackage) =>
  isInstalled(program) ? undefined : `${program} is not installed: scripts/setup.sh --bench (${debianPackage})`;

/**
 * A listener that is one process and writes one line for each deletion that it tells. `isReady` is asked until it says so, `isMine` what
 * lines belong to a run; `filesystems` are those it can listen to, when not all.
 */
export function lineTool({ name, reason, filesystems, command, isReady, isMine, outputFile, prepare, cleanUp }) {
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
        async stop() {
          await listener.stop();
          cleanUp?.();
        },
      };
    },
  };
}
