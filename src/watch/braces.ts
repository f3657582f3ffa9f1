import { PatternError } from './pattern-error.js';

/** Patterns that one with braces may stand for. */
const EXPANDED_MAX = 1000;

/**
 * The patterns that `{a,b}` stands for, as a shell expands braces; one without braces stands for itself. Throws PatternError,
 * also for what a shell would expand and this program does not: `$VARIABLE`, a leading `~`, `{1..9}`.
 */
export function expandBraces(source: string): string[] {
  refuseShellSyntax(source);
  const expanded: string[] = [];
  const waiting = [source];
  while (waiting.length > 0) {
    const pattern = waiting.pop()!;
    const group = firstGroup(pattern);
    if (group === undefined) {
      expanded.push(pattern);
    } else {
      const { start, end, alternatives } = group;
      for (const alternative of alternatives.reverse()) {
        waiting.push(pattern.slice(0, start) + alternative + pattern.slice(end));
      }
    }
    if (expanded.length + waiting.length > EXPANDED_MAX) {
      throw new PatternError(`its braces stand for more than ${EXPANDED_MAX} patterns`);
    }
  }
  return [...new Set(expanded)];
}

interface Group {
  /** The offsets of the opening brace and of what follows the closing one. */
  readonly start: number;
  readonly end: number;
  readonly alternatives: string[];
}

function refuseShellSyntax(source: string): void {
  if (/^~[^/*?[\]{}]*(\/|$)/.test(source)) {
    throw new PatternError('"~" is not expanded; write the path of the home directory, or "\\~" for the name');
  }
  for (const at of specials(source)) {
    if (source[at] === '$') {
      throw new PatternError('"$" is not expanded; write the value itself, or "\\$" for a dollar sign');
    }
  }
}

function firstGroup(pattern: string): Group | undefined {
  let depth = 0;
  let start = -1;
  let from = -1;
  const alternatives: string[] = [];
  for (const at of specials(pattern)) {
    const char = pattern[at];
    if (char === '{') {
      depth += 1;
      if (depth === 1) [start, from] = [at, at + 1];
    } else if (char === '}' && depth > 1) {
      depth -= 1;
    } else if (depth === 1) {
      alternatives.push(pattern.slice(from, at));
      from = at + 1;
      if (char === '}') return { start, end: at + 1, alternatives: checked(alternatives) };
    }
  }
  if (depth > 0) throw new PatternError('"{" has no matching "}"; write "\\{" for a brace itself');
  return undefined;
}

function checked(alternatives: string[]): string[] {
  if (alternatives.length > 1) return alternatives;
  const what = /^[^.]+\.\.[^.]+$/.test(alternatives[0]!)
    ? 'a range in braces is not expanded'
    : 'braces hold one alternative';
  throw new PatternError(`${what}; write {a,b} for several, or "\\{" for a brace itself`);
}

/** Where characters stand that mean something: neither escaped nor in a class `[...]`. */
function* specials(pattern: string): Generator<number> {
  for (let at = 0; at < pattern.length; at++) {
    if (pattern[at] === '\\') at += 1;
    else if (pattern[at] === '[') at = classEnd(pattern, at);
    else if ('{},$'.includes(pattern[at]!)) yield at;
  }
}

/** Where the class that begins at `start` ends; `start` where none does. */
function classEnd(pattern: string, start: number): number {
  let at = start + 1;
  if (pattern[at] === '!' || pattern[at] === '^') at += 1;
  // "]" in the first place means itself.
  for (const first = at; at < pattern.length && pattern[at] !== '/'; at++) {
    if (pattern[at] === '\\') at += 1;
    else if (pattern[at] === ']' && at > first) return at;
  }
  return start;
}
