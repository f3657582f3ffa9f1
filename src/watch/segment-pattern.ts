import { characterLength, codePointAt } from '../text/utf8.js';
import { parseSegment, type Token } from './segment-tokens.js';

/**
 * The pattern of one name between slashes, compiled.
 *
 * A wildcard stands for whole characters: a well-formed UTF-8 sequence is one character, any other byte is one by itself.
 * So `?` matches both `é` (two bytes) and a stray 0xFF.
 *
 * There is no backtracking beyond the last `*`: a match costs at most length of name times number of tokens.
 */
export class SegmentPattern {
  /** Equal for patterns that match the same names in the same way, whatever escapes they were written with. */
  readonly key: string;
  /** `*`: matches every name. */
  readonly matchesAll: boolean;
  /** The only name that matches, when there are no wildcards. */
  readonly literal: string | undefined;
  /** Bytes that every matching name starts with. */
  readonly prefix: string;
  /** Bytes that every matching name ends with. */
  readonly suffix: string;
  private readonly tokens: readonly Token[];
  private readonly affixesDecide: boolean;

  constructor(source: string) {
    const tokens = parseSegment(source);
    const first = tokens[0];
    const last = tokens.at(-1);
    this.tokens = tokens;
    this.key = JSON.stringify(tokens);
    this.matchesAll = tokens.length === 1 && first?.kind === 'run';
    this.literal = tokens.length === 1 && first?.kind === 'literal' ? first.bytes : undefined;
    this.prefix = first?.kind === 'literal' ? first.bytes : '';
    this.suffix = last?.kind === 'literal' ? last.bytes : '';
    const middle = tokens.filter((token) => token.kind !== 'literal');
    this.affixesDecide = this.literal === undefined && middle.length === 1 && middle[0]?.kind === 'run';
  }

  matches(name: string): boolean {
    if (this.matchesAll) return true;
    if (this.literal !== undefined) return name === this.literal;
    if (this.affixesDecide) {
      // A literal starts with ASCII or a lead byte, which is never inside another character: comparing bytes is enough.
      return (
        name.length >= this.prefix.length + this.suffix.length &&
        name.startsWith(this.prefix) &&
        name.endsWith(this.suffix)
      );
    }
    return matchTokens(this.tokens, name);
  }
}

/** Every `*` takes as little as it can; only the last one met ever has to take more, so no choice is revisited twice. */
function matchTokens(tokens: readonly Token[], name: string): boolean {
  let at = 0;
  let index = 0;
  let retryIndex = -1;
  let retryAt = 0;
  for (;;) {
    const token = tokens[index];
    if (token === undefined) {
      if (at === name.length) return true;
    } else if (token.kind === 'run') {
      index += 1;
      retryIndex = index;
      retryAt = at;
      continue;
    } else {
      const end = matchOne(token, name, at);
      if (end >= 0) {
        at = end;
        index += 1;
        continue;
      }
    }
    if (retryIndex < 0 || retryAt >= name.length) return false;
    retryAt += characterLength(name, retryAt);
    at = retryAt;
    index = retryIndex;
  }
}

/** Where the match of one token ends, or -1. */
function matchOne(token: Exclude<Token, { kind: 'run' }>, name: string, at: number): number {
  if (token.kind === 'literal') return name.startsWith(token.bytes, at) ? at + token.bytes.length : -1;
  if (at >= name.length) return -1;
  const length = characterLength(name, at);
  if (token.kind === 'one') return at + length;
  const codePoint = codePointAt(name, at, length);
  const inside = codePoint !== undefined && token.ranges.some(([low, high]) => low <= codePoint && codePoint <= high);
  return inside === token.negated ? -1 : at + length;
}
