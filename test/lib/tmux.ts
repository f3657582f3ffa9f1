import { execFileSync, spawnSync } from 'node:child_process';

const NO_SUCH_PROGRAM = 'ENOENT';

/** Why there is no tmux; undefined: there is one. */
export function tmuxMissing(): string | undefined {
  const { error } = spawnSync('tmux', ['-V']);
  return (error as NodeJS.ErrnoException | undefined)?.code === NO_SUCH_PROGRAM ? 'tmux is not installed' : undefined;
}

/**
 * A script whose first argument is a file and the others a command: runs it, and writes its exit code to the file, also when
 * the terminal is closed meanwhile. The kernel tells the outer shell alone of that, whose end tells all the others.
 */
export const STATUS_TO_FILE = `sh -c 'status=$1; shift; trap : HUP; "$@"; echo "$?" > "$status"' sh "$@"; true`;

/** A terminal of its own, in a server of its own, with one command in it. */
export class Terminal {
  private readonly server = `rmwatch-${process.pid}-${Math.random().toString(36).slice(2)}`;

  /** `script`: for sh(1), with `args` as its arguments. */
  constructor(script: string, args: readonly string[], { columns, rows }: { columns: number; rows: number }) {
    const size = ['-x', String(columns), '-y', String(rows)];
    const command = ['sh', '-c', script, 'sh', ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    this.tmux('-f', '/dev/null', 'new-session', '-d', ...size, command);
  }

  /** What it shows. */
  get text(): string {
    return this.tmux('capture-pane', '-p');
  }

  /** Presses keys, as tmux names them: `q`, `Enter`, `C-c`. */
  press(...keys: string[]): void {
    this.tmux('send-keys', ...keys);
  }

  resize(columns: number, rows: number): void {
    this.tmux('resize-window', '-x', String(columns), '-y', String(rows));
  }

  close(): void {
    spawnSync('tmux', ['-L', this.server, 'kill-server']);
  }

  private tmux(...args: string[]): string {
    const env = { ...process.env, LC_ALL: 'C.UTF-8' };
    return execFileSync('tmux', ['-u', '-L', this.server, ...args], { encoding: 'utf8', env });
  }
}
