/**
 * Every attempt to delete that strace saw: by which thread, at which absolute path, with which result; and whether a rename
 * had something to replace. Paths are latin1 strings: one character for each byte.
 */
import path from 'node:path';
import type { NamesBelow } from './recording.js';
import { type Call, descriptorPath, parseCalls, type Sign, stringArgument } from './strace-lines.js';

const DELETIONS = new Set(['unlink', 'unlinkat', 'rmdir']);
const CLONES = new Set(['clone', 'clone3', 'fork', 'vfork']);

export interface Attempt {
  readonly tid: number;
  readonly tgid: number;
  readonly action: 'unlink' | 'rmdir' | 'replace';
  readonly path: string;
  /** The errno name, or '' for success; undefined when strace did not see the result. */
  readonly error: string | undefined;
  /** Of renames: whether there was something to replace; undefined when it is not known. */
  readonly replaces?: boolean | undefined;
  readonly line: string;
}

export interface Traced {
  readonly attempts: readonly Attempt[];
  readonly threads: ReadonlySet<number>;
  readonly problems: readonly string[];
}

/** The directory that threads work in; those that share it change it together. */
interface Where {
  dir: string;
}

interface Thread {
  readonly tgid: number;
  readonly where: Where;
}

/** Which directory every thread works in, and which threads are one process. */
class Threads {
  readonly known = new Map<number, Thread>();
  private readonly parents = new Map<number, { parent: number; flags: string }>();

  constructor(calls: readonly (Call | Sign)[], dir: string) {
    for (const call of calls) {
      if (call.name === undefined || !CLONES.has(call.name)) continue;
      const child = Number.parseInt(call.result, 10);
      if (child > 0) this.parents.set(child, { parent: call.tid, flags: call.args.join() });
    }
    const [first] = calls;
    if (first === undefined) throw new Error('strace saw no call');
    this.known.set(first.tid, { tgid: first.tid, where: { dir } });
  }

  /** A child can be heard of before the call that made it returns. */
  get(tid: number): Thread {
    const known = this.known.get(tid);
    if (known !== undefined) return known;
    const made = this.parents.get(tid);
    if (made === undefined) throw new Error(`thread ${tid} has no known parent`);
    const { tgid, where } = this.get(made.parent);
    const thread = {
      tgid: made.flags.includes('CLONE_THREAD') ? tgid : tid,
      where: made.flags.includes('CLONE_FS') ? where : { dir: where.dir },
    };
    this.known.set(tid, thread);
    return thread;
  }
}

/** Every name that exists, from what was there before and the calls since. Knows nothing outside of `dir`. */
class Names {
  private readonly dir: string;
  private readonly names: Set<string>;

  constructor({ dir, names }: NamesBelow) {
    this.dir = dir;
    this.names = new Set(names);
  }

  /** undefined: not known. */
  has(name: string): boolean | undefined {
    return name.startsWith(`${this.dir}/`) ? this.names.has(name) : undefined;
  }

  add(name: string): void {
    this.names.add(name);
  }

  remove(name: string): void {
    this.names.delete(name);
  }

  move(from: string, to: string, exchange: boolean): void {
    const under = (base: string) => [...this.names].filter((name) => name === base || name.startsWith(`${base}/`));
    const [moved, replaced] = [under(from), under(to)];
    for (const name of [...moved, ...replaced]) this.names.delete(name);
    for (const name of moved) this.names.add(to + name.slice(from.length));
    if (exchange) for (const name of replaced) this.names.add(from + name.slice(to.length));
  }
}

/** How a call's arguments name its paths: a directory's index (or none) and a name's index for each. */
const PATHS: Readonly<Record<string, readonly (readonly [number | undefined, number])[]>> = {
  unlink: [[undefined, 0]],
  rmdir: [[undefined, 0]],
  unlinkat: [[0, 1]],
  rename: [
    [undefined, 0],
    [undefined, 1],
  ],
  renameat: [
    [0, 1],
    [2, 3],
  ],
  renameat2: [
    [0, 1],
    [2, 3],
  ],
  mkdir: [[undefined, 0]],
  mknod: [[undefined, 0]],
  symlink: [[undefined, 1]],
  link: [[undefined, 1]],
  mkdirat: [[0, 1]],
  mknodat: [[0, 1]],
  symlinkat: [[1, 2]],
  linkat: [[2, 3]],
  chdir: [[undefined, 0]],
};

function absolutePaths({ name, args, line }: Call, where: Where): string[] {
  return (PATHS[name] ?? []).map(([directory, at]) => {
    const typed = stringArgument(args[at]);
    if (typed === undefined) throw new Error(`no path is read from: ${line}`);
    if (typed.startsWith('/')) return path.posix.resolve(typed);
    const base = directory === undefined ? where.dir : descriptorPath(args[directory]);
    if (base === undefined) throw new Error(`no directory is read from: ${line}`);
    return path.posix.resolve(base, typed);
  });
}

class Reader {
  readonly attempts: Attempt[] = [];

  constructor(
    readonly threads: Threads,
    private readonly names: Names,
  ) {}

  /** Takes the next call. Throws when its arguments are not understood. */
  take(call: Call): void {
    const { tid, name, args, result, line } = call;
    const { tgid, where } = this.threads.get(tid);
    const paths = absolutePaths(call, where);
    const [first, second] = paths;
    const error = /^-1 (\w+)/.exec(result)?.[1] ?? (result.startsWith('?') ? undefined : '');
    if (DELETIONS.has(name)) {
      const action = name === 'rmdir' || args[2]?.includes('AT_REMOVEDIR') ? 'rmdir' : 'unlink';
      this.attempts.push({ tid, tgid, action, path: first!, error, line });
      if (error === '') this.names.remove(first!);
    } else if (name.startsWith('rename')) {
      const exchange = args[4]?.includes('RENAME_EXCHANGE') ?? false;
      const replaces = this.replaces(call, first!, second!, error);
      this.attempts.push({ tid, tgid, action: 'replace', path: second!, error, replaces, line });
      if (error === '' && first !== second) this.names.move(first!, second!, exchange);
    } else if (error === '') this.takeOther(call, where, first);
  }

  private replaces({ args }: Call, from: string, to: string, error: string | undefined): boolean | undefined {
    if (from === to || /RENAME_(EXCHANGE|NOREPLACE)/.test(args[4] ?? '')) return false;
    const isThere = this.names.has(to);
    return error !== '' && isThere !== false ? undefined : isThere;
  }

  /** A call that succeeded and deletes nothing. */
  private takeOther({ name, args, result, line }: Call, where: Where, target: string | undefined): void {
    if (name === 'chdir') where.dir = target!;
    else if (name === 'fchdir') {
      const dir = descriptorPath(args[0]);
      if (dir === undefined) throw new Error(`no directory is read from: ${line}`);
      where.dir = dir;
    } else if (CLONES.has(name)) this.threads.get(Number.parseInt(result, 10));
    else if (name === 'creat' || name.startsWith('open')) {
      const opened = name === 'creat' || args.join().includes('O_CREAT') ? descriptorPath(result) : undefined;
      if (opened !== undefined) this.names.add(opened);
    } else if (target !== undefined) this.names.add(target);
    else throw new Error(`no name is read from: ${line}`);
  }
}

/** `text`: strace's output, read as latin1; `before`: where the program began, and every name there. */
export function attemptsOf(text: string, before: NamesBelow): Traced {
  const { calls, unread } = parseCalls(text);
  const problems = unread.map((line) => `strace's line is not understood: ${line}`);
  const threads = new Threads(calls, before.dir);
  const reader = new Reader(threads, new Names(before));
  for (const call of calls) {
    threads.get(call.tid);
    if (call.name === undefined) continue;
    try {
      reader.take(call);
    } catch (problem) {
      problems.push((problem as Error).message);
    }
  }
  return { attempts: reader.attempts, threads: new Set(threads.known.keys()), problems };
}
