/** What the kernel itself counts of BPF programs, with BPF_ENABLE_STATS, which needs CAP_SYS_ADMIN. */
import type { ChildProcess } from 'node:child_process';
import readline from 'node:readline';

/** As bench/program/bpf_statistics.c prints them. */
export interface BpfProgramCounters {
  readonly id: number;
  readonly name: string;
  readonly runs: number;
  readonly ns: number;
  readonly instructions: number;
  readonly nativeBytes: number;
}

export interface BpfStatistics {
  /** What the kernel has counted so far, by program id. */
  snapshot(): Promise<Map<number, BpfProgramCounters>>;
  close(): void;
}

/** Has the kernel count until close(). `child`: bpf_statistics, with pipes. Throws what it says when the kernel refuses. */
export async function followBpfStatistics(child: ChildProcess): Promise<BpfStatistics> {
  const lines = readline.createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  let message = '';
  child.stderr!.on('data', (data) => {
    message += data;
  });
  if ((await lines.next()).value !== 'measuring') throw new Error(message.trim());
  return {
    async snapshot() {
      child.stdin!.write('\n');
      const counters: BpfProgramCounters[] = JSON.parse((await lines.next()).value);
      return new Map(counters.map((program) => [program.id, program]));
    },
    close: () => {
      child.stdin!.end();
    },
  };
}
