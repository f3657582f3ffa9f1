/** Reads the lines that `strace -f -y -o` wrote. Text is latin1: one character for each byte. */

/** A call that finished, in the order in which calls finish. */
export interface Call {
  readonly tid: number;
  readonly name: string;
  readonly args: readonly string[];
  readonly result: string;
  readonly line: string;
}

/** That a thread lives: a signal, an end, or a call that began. */
export interface Sign {
  readonly tid: number;
  readonly name: undefined;
}

const LETTERS: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', f: '\f', v: '\v' };

const unescaped = (text: string): string =>
  text.replace(/\\(?:([0-7]{1,3})|x([0-9a-f]{2})|(.))/g, (_, octal?: string, hex?: string, letter?: string) => {
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return LETTERS[letter!] ?? letter!;
  });

/** Splits at the commas outside of strings, descriptors' paths, structures and lists. */
function splitArguments(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let quoted = false;
  let begin = 0;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at]!;
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

/** The string in `"text"`; undefined for what is no string. */
export function stringArgument(text: string | undefined): string | undefined {
  const match = /^"(.*)"$/s.exec(text ?? '');
  return match === null ? undefined : unescaped(match[1]!);
}

/** The path in `3</a/b>` or `AT_FDCWD</a/b>`; undefined when the directory itself is gone. */
export function descriptorPath(text: string | undefined): string | undefined {
  const match = /^[^<]*<(.*)>$/s.exec(text ?? '');
  return match === null ? undefined : unescaped(match[1]!);
}

const UNFINISHED = ' <unfinished ...>';

/** One finished call of each line or pair of lines, in the order in which they finished; `unread`: lines of another form. */
export function parseCalls(text: string): { calls: (Call | Sign)[]; unread: string[] } {
  const calls: (Call | Sign)[] = [];
  const begun = new Map<number, string>();
  const unread: string[] = [];
  for (const line of text.split('\n').filter(Boolean)) {
    const [, thread, body] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const tid = Number(thread);
    if (body === undefined) unread.push(line);
    else if (/^(\+\+\+|---) /.test(body)) calls.push({ tid, name: undefined });
    else if (body.endsWith(UNFINISHED)) {
      begun.set(tid, body.slice(0, -UNFINISHED.length));
      calls.push({ tid, name: undefined });
    } else {
      const resumed = /^<\.\.\. (\w+) resumed>(.*)$/.exec(body);
      const whole = resumed === null ? body : `${begun.get(tid)}${resumed[2]}`;
      const [, name, args, result] = /^(\w+)\((.*)\) += (.*)$/.exec(whole) ?? [];
      if (name === undefined || args === undefined || result === undefined) unread.push(line);
      else calls.push({ tid, name, args: splitArguments(args), result, line: whole });
    }
  }
  return { calls, unread };
}
