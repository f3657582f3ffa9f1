import { characterLength, codePointAt } from '../text/utf8.js';
import { PatternError } from './pattern-error.js';

/** The pieces of a pattern for one name. */
export type Token =
  | { readonly kind: 'literal'; readonly bytes: string }
  /** `?`: any one character. */
  | { readonly kind: 'one' }
  /** `*`: any run of characters, also none. */
  | { readonly kind: 'run' }
  /** `[...]`: one character in (or, negated, outside) the ranges of code points, both ends included. */
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [number, number])[] };

/** Cuts the pattern of one name, in latin1 view, into tokens; adjacent literals are one token. */
export function parseSegment(source: string): Token[] {
  const tokens: Token[] = [];
  let literal = '';
  let at = 0;
  const push = (token: Token): void => {
    if (literal !== '') tokens.push({ kind: 'literal', bytes: literal });
    literal = '';
    tokens.push(token);
  };
  while (at < source.length) {
    const char = source[at];
    if (char === '*') {
      if (source[at + 1] === '*') throw new PatternError('"**" must stand alone between slashes, as in "/a/**/b"');
      push({ kind: 'run' });
      at += 1;
    } else if (char === '?') {
      push({ kind: 'one' });
      at += 1;
    } else if (char === '[') {
      const parsed = parseClass(source, at);
      push(parsed.token);
      at = parsed.end;
    } else {
      if (char === '\\') at += 1;
      literal += characterAt(source, at);
      at += characterLength(source, at);
    }
  }
  if (literal !== '') tokens.push({ kind: 'literal', bytes: literal });
  return tokens;
}

function characterAt(source: string, at: number): string {
  if (at >= source.length) throw new PatternError('a backslash must be followed by the character it escapes');
  return source.slice(at, at + characterLength(source, at));
}

function parseClass(source: string, start: number): { token: Token; end: number } {
  let at = start + 1;
  const negated = source[at] === '!' || source[at] === '^';
  if (negated) at += 1;
  const ranges: [number, number][] = [];
  const takeCodePoint = (): number => {
    if (source[at] === '\\') at += 1;
    const length = characterLength(source, at);
    const codePoint = at < source.length ? codePointAt(source, at, length) : undefined;
    if (codePoint === undefined) throw unbalanced();
    at += length;
    return codePoint;
  };
  // As everywhere else, "]" in the first place means itself, and so does "-" in the first or last place.
  for (const first = at; at < source.length && (source[at] !== ']' || at === first); ) {
    if (source[at] === '[' && (source[at + 1] === ':' || source[at + 1] === '.' || source[at + 1] === '=')) {
      throw new PatternError('named classes such as [:digit:] are not supported, write the range: [0-9]');
    }
    const low = takeCodePoint();
    const isRange = source[at] === '-' && at + 1 < source.length && source[at + 1] !== ']';
    if (isRange) at += 1;
    const high = isRange ? takeCodePoint() : low;
    if (high < low) {
      throw new PatternError(`the range ${String.fromCodePoint(low)}-${String.fromCodePoint(high)} is reversed`);
    }
    ranges.push([low, high]);
  }
  if (at >= source.length) throw unbalanced();
  return { token: { kind: 'class', negated, ranges }, end: at + 1 };
}

function unbalanced(): PatternError {
  return new PatternError('"[" has no matching "]" within the same name; write "\\[" for a bracket itself');
}
