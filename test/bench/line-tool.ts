/** Listeners that are one program each. */
import type { Listener, StartOptions } from './listener.js';
import { ToolProcess } from './tool-process.js';
import type { Run } from './workloads.js';

export interface LineTool {
  readonly name: string;
  readonly reason?: string | undefined;
  readonly filesystems?: readonly string[];
  prepare?(outputs: string): void;
  command(outputs: string): readonly string[];
  /** Where its lines land, when not on its stdout. */
  outputFile?(outputs: string): string;
  /** Asked until it says so. */
  isReady(tool: ToolProcess): boolean;
  /** Which lines belong to a run. */
  isMine(run: Run): (line: string) => boolean;
  cleanUp?(): void;
}

/** A listener that is one process and writes one line for each deletion that it tells. */
export function lineTool(tool: LineTool): Listener {
  const { name, reason, filesystems } = tool;
  return { name, reason, filesystems, start: (options) => startTool(tool, options) };
}

async function startTool(tool: LineTool, { outputs, quietMs }: StartOptions) {
  tool.prepare?.(outputs);
  const running = new ToolProcess({
    name: tool.name,
    command: tool.command(outputs),
    outputs,
    quietMs,
    outputFile: tool.outputFile?.(outputs),
  });
  await running.ready(() => tool.isReady(running));
  const { account, pid } = running;
  return {
    pid,
    begin: () => account.begin(),
    async end(run: Run) {
      const cpuSeconds = await account.settle();
      const told = account.countLines(tool.isMine(run));
      return { told, cpuSeconds, invalid: told === 0 ? 'it told nothing' : undefined };
    },
    memory: () => account.memory(),
    async stop() {
      await running.stop();
      tool.cleanUp?.();
    },
  };
}
