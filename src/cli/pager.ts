import { type ChildProcess, spawn } from 'node:child_process';
import type { TextWriter } from './io.js';

/** Where a command writes text that may be long. */
export interface PagedOutput {
  readonly terminal: boolean;
  write(text: string): void;
  /** Waits for a slow reader; false once it wants no more. */
  ready(): Promise<boolean>;
  /** Waits until everything is written, and for the pager to be left. */
  end(): Promise<void>;
}

/** Standard output as it is. */
export function directOutput(stdout: TextWriter): PagedOutput {
  const stream = stdout as Partial<NodeJS.WriteStream> & TextWriter;
  return new DirectOutput(stream, stream.isTTY === true);
}

/** Standard output, by way of a pager where it is a terminal, as git(1) does. */
export function pagedOutput(stdout: TextWriter, env: NodeJS.ProcessEnv = process.env): PagedOutput {
  const stream = stdout as Partial<NodeJS.WriteStream> & TextWriter;
  if (stream.isTTY !== true) return directOutput(stdout);
  const command = env['RMWATCH_PAGER'] ?? env['PAGER'] ?? 'less';
  if (command === '' || command === 'cat' || env['TERM'] === 'dumb') return new DirectOutput(stream, true);
  return new Pager(command, env, stream);
}

class DirectOutput implements PagedOutput {
  constructor(
    private readonly stream: Partial<NodeJS.WriteStream> & TextWriter,
    readonly terminal: boolean,
  ) {}

  write(text: string): void {
    this.stream.write(text);
  }

  async ready(): Promise<boolean> {
    const { stream } = this;
    if (stream.errored || stream.destroyed) return false;
    if (stream.writableNeedDrain !== true) return true;
    return new Promise((resolve) => {
      const finish = (more: boolean): void => {
        stream.off?.('drain', onDrain);
        stream.off?.('close', onClose);
        stream.off?.('error', onClose);
        resolve(more);
      };
      const onDrain = (): void => finish(true);
      const onClose = (): void => finish(false);
      stream.on?.('drain', onDrain);
      stream.on?.('close', onClose);
      stream.on?.('error', onClose);
    });
  }

  async end(): Promise<void> {}
}

/** Started with the first text, so that nothing found needs no pager. */
class Pager implements PagedOutput {
  readonly terminal = true;
  private output: DirectOutput | undefined;
  private child: ChildProcess | undefined;

  constructor(
    private readonly command: string,
    private readonly env: NodeJS.ProcessEnv,
    private readonly fallback: Partial<NodeJS.WriteStream> & TextWriter,
  ) {}

  write(text: string): void {
    this.output ??= this.start();
    this.output.write(text);
  }

  async ready(): Promise<boolean> {
    return this.output === undefined || this.output.ready();
  }

  async end(): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    const closed = new Promise((resolve) => child.once('close', resolve));
    child.stdin!.end();
    await closed;
  }

  /** No commands and no other files from within the pager: it shows what others have chosen, maybe to root. */
  private start(): DirectOutput {
    const env = { LESS: 'FRX', ...this.env, LESSSECURE: '1' };
    // The command may have options, as the shell would read them.
    const child = spawn('/bin/sh', ['-c', this.command], { stdio: ['pipe', 'inherit', 'inherit'], env });
    child.on('error', () => {});
    if (child.pid === undefined) return new DirectOutput(this.fallback, true);
    this.child = child;
    // A pager that is left early wants no more.
    child.stdin!.on('error', () => {});
    // While it runs, the keyboard is the pager's.
    const ignore = (): void => {};
    process.on('SIGINT', ignore);
    child.once('close', () => process.off('SIGINT', ignore));
    return new DirectOutput(child.stdin! as unknown as NodeJS.WriteStream, true);
  }
}
