/**
 * Reads what `strace -f -y -o` wrote and tells every attempt to delete: by which thread, at which absolute path, with
 * which result; and whether a rename had something to replace. Paths are latin1 strings: one character for each byte.
 */
import path from 'node:path';

const DELETIONS = new Set(['unlink', 'unlinkat', 'rmdir']);
const CLONES = new Set(['clone', 'clone3', 'fork', 'vfork']);

const unescaped = (text) =>
  text.replace(/\\(?:([0-7]{1,3})|x([0-9a-f]{2})|(.))/g, (_, octal, hex, letter) => {
    if (octal !== undefined) return String.fromCharCode(parseInt(octal, 8));
    if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
    return { n: '\n', t: '\t', r: '\r', f: '\f', v: '\v' }[letter] ?? letter;
  });

/** Splits at the commas outside of strings, descriptors' paths, structures and lists. */
function splitArguments(text) {
  const found = [];
  let depth = 0;
  let quoted = false;
  let begin = 0;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === '\\') at += 1;
    else if (letter === '"') quoted = !quoted;
    else if (quoted) continue;
    else if ('<{['.includes(letter)) depth += 1;
    else if ('>}]'.includes(letter) && text[at - 1] !== '=') depth -= 1;
    else if (letter === ',' && depth === 0) {
      found.push(text.slice(begin, at).trim());
      begin = at + 1;
    }
  }
  if (text.slice(begin).trim() !== '') found.push(text.slice(begin).trim());
  return found;
}

const stringArgument = (text) => {
  const match = /^"(.*)"$/s.exec(text ?? '');
  return match === null ? undefined : unescaped(match[1]);
};

/** The path in `3</a/b>` or `AT_FDCWD</a/b>`; none when the directory itself is gone. */
const descriptorPath = (text) => {
  const match = /^[^<]*<(.*)>$/s.exec(text ?? '');
  return match === null ? undefined : unescaped(match[1]);
};

/** One finished call of each line or pair of lines, in the order in which they finished. */
export function parseCalls(text) {
  const calls = [];
  const begun = new Map();
  const unread = [];
  for (const line of text.split('\n').filter(Boolean)) {
    const [, tid, body] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (body === undefined) unread.push(line);
    else if (/^(\+\+\+|---) /.test(body)) calls.push({ tid: Number(tid), name: 'sign' });
    else if (body.endsWith(' <unfinished ...>')) {
      const start = body.slice(0, -' <unfinished ...>'.length);
      begun.set(tid, start);
      calls.push({ tid: Number(tid), name: 'sign' });
    } else {
      const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(body);
      const whole = resumed === null ? body : `${begun.get(tid)}${resumed[2]}`;
      const [, name, args, result] = /^(\w+)\((.*)\) += (.*)$/.exec(whole) ?? [];
      if (name === undefined) unread.push(line);
      else calls.push({ tid: Number(tid), name, args: splitArguments(args), result, line: whole });
    }
  }
  return { calls, unread };
}

/** Which directory every thread works in, and which threads are one process. */
class Threads {
  constructor(calls, dir) {
    this.known = new Map();
    this.parents = new Map();
    for (const { tid, name, args, result } of calls) {
      const child = CLONES.has(name) ? Number.parseInt(result, 10) : -1;
      if (child > 0) this.parents.set(child, { parent: tid, flags: args.join() });
    }
    this.known.set(calls[0].tid, { tgid: calls[0].tid, where: { dir } });
  }

  /** A child can be heard of before the call that made it returns. */
  get(tid) {
    if (!this.known.has(tid)) {
      const { parent, flags } = this.parents.get(tid) ?? {};
      if (parent === undefined) throw new Error(`thread ${tid} has no known parent`);
      const { tgid, where } = this.get(parent);
      const shares = (flag) => flags.includes(flag);
      this.known.set(tid, {
        tgid: shares('CLONE_THREAD') ? tgid : tid,
        where: shares('CLONE_FS') ? where : { dir: where.dir },
      });
    }
    return this.known.get(tid);
  }
}

/** Every name that exists, from what was there before and the calls since. Knows nothing outside of `dir`. */
class Names {
  constructor({ dir, names }) {
    this.dir = dir;
    this.names = new Set(names);
  }

  has(name) {
    return name.startsWith(`${this.dir}/`) ? this.names.has(name) : undefined;
  }

  move(from, to, exchange) {
    const under = (base) => [...this.names].filter((name) => name === base || name.startsWith(`${base}/`));
    const [moved, replaced] = [under(from), under(to)];
    for (const name of [...moved, ...replaced]) this.names.delete(name);
    for (const name of moved) this.names.add(to + name.slice(from.length));
    if (exchange) for (const name of replaced) this.names.add(from + name.slice(to.length));
  }
}

/** How a call's arguments name its paths: a directory's index (or none) and a name's index for each. */
const PATHS = {
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

function absolutePaths({ name, args, line }, where) {
  return (PATHS[name] ?? []).map(([directory, at]) => {
    const typed = stringArgument(args[at]);
    if (typed === undefined) throw new Error(`no path is read from: ${line}`);
    if (typed.startsWith('/')) return path.posix.resolve(typed);
    const base = directory === undefined ? where.dir : descriptorPath(args[directory]);
    if (base === undefined) throw new Error(`no directory is read from: ${line}`);
    return path.posix.resolve(base, typed);
  });
}

/**
 * @param {string} text strace's output, read as latin1
 * @param {{dir: string, names: string[]}} before where the program began, and every name there
 * @returns {{attempts: object[], threads: Set<number>, problems: string[]}} attempts: tid, tgid, action, path, error
 *   (errno name, or '' for success, or undefined when strace did not see the result), replaces (for renames: true, false,
 *   or undefined when it is not known), line
 */
export function attemptsOf(text, before) {
  const { calls, unread } = parseCalls(text);
  const problems = unread.map((line) => `strace's line is not understood: ${line}`);
  const threads = new Threads(calls, before.dir);
  const names = new Names(before);
  const attempts = [];
  for (const call of calls) {
    const { tgid, where } = threads.get(call.tid);
    if (call.name === 'sign') continue;
    const { tid, name, args, result, line } = call;
    const failed = /^-1 (\w+)/.exec(result);
    const error = failed?.[1] ?? (result.startsWith('?') ? undefined : '');
    try {
      const paths = absolutePaths(call, where);
      if (DELETIONS.has(name)) {
        const action = name === 'rmdir' || args[2]?.includes('AT_REMOVEDIR') ? 'rmdir' : 'unlink';
        attempts.push({ tid, tgid, action, path: paths[0], error, line });
        if (error === '') names.names.delete(paths[0]);
      } else if (name.startsWith('rename')) {
        const [from, to] = paths;
        const exchange = args[4]?.includes('RENAME_EXCHANGE') ?? false;
        let replaces = names.has(to);
        if (exchange || from === to || args[4]?.includes('RENAME_NOREPLACE')) replaces = false;
        else if (error !== '' && replaces !== false) replaces = undefined;
        attempts.push({ tid, tgid, action: 'replace', path: to, error, replaces, line });
        if (error === '' && from !== to) names.move(from, to, exchange);
      } else if (error === '') {
        if (name === 'chdir') where.dir = paths[0];
        else if (name === 'fchdir') where.dir = descriptorPath(args[0]);
        else if (CLONES.has(name)) threads.get(Number.parseInt(result, 10));
        else if (name === 'creat' || /^open/.test(name)) {
          const opened = /O_CREAT/.test(args.join()) || name === 'creat' ? descriptorPath(result) : undefined;
          if (opened !== undefined) names.names.add(opened);
        } else names.names.add(paths[0]);
      }
    } catch (problem) {
      problems.push(problem.message);
    }
  }
  return { attempts, threads: new Set(threads.known.keys()), problems };
}
