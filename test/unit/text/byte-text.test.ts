import { describe, expect, it } from 'vitest';
import { base64IfLossy, jsonOf, jsonPartOf, textOf } from '../../../src/text/byte-text.js';
import { randomFrom } from '../watch/plain-glob.js';

/** Bytes in latin1 view. */
const bytes = (...values: number[]) => Buffer.from(values).toString('latin1');
const utf8 = (text: string) => Buffer.from(text).toString('latin1');

describe('names as text', () => {
  it.each([
    ['nothing', '', ''],
    ['plain ASCII', 'a b~!', 'a b~!'],
    ['quotes and backslashes', 'a"b\\c', 'a"b\\c'],
    ['control characters', 'a\nb\tc\x00\x1b[31m\x7f', 'a\nb\tc\x00\x1b[31m\x7f'],
    ['two, three and four bytes', utf8('é€😀'), 'é€😀'],
    ['a byte order mark', utf8('\ufeffa'), '\ufeffa'],
    ['line separators', utf8('\u2028\u2029'), '\u2028\u2029'],
    ['a replacement character that was in the name', utf8('\ufffd'), '\ufffd'],
  ])('keeps %s', (_what, latin1, text) => {
    expect(textOf(latin1)).toBe(text);
    expect(JSON.parse(jsonOf(latin1))).toBe(text);
    expect(JSON.parse(`"${jsonPartOf(latin1)}"`)).toBe(text);
    expect(base64IfLossy(latin1)).toBeUndefined();
  });

  it.each([
    ['a lone byte', bytes(0x61, 0xff, 0x62), 'a\ufffdb'],
    ['a sequence that was cut', bytes(0xe2, 0x82), '\ufffd'],
    ['an overlong slash', bytes(0xc0, 0xaf), '\ufffd\ufffd'],
    ['half of a surrogate pair', bytes(0xed, 0xa0, 0x80), '\ufffd\ufffd\ufffd'],
    ['latin1', bytes(0xe9, 0x74, 0xe9), '\ufffdt\ufffd'],
  ])('replaces %s, and tells the bytes', (_what, latin1, text) => {
    expect(textOf(latin1)).toBe(text);
    expect(JSON.parse(jsonOf(latin1))).toBe(text);
    expect(JSON.parse(`"${jsonPartOf(latin1)}"`)).toBe(text);
    expect(Buffer.from(base64IfLossy(latin1)!, 'base64').toString('latin1')).toBe(latin1);
  });

  it('puts no control character and no newline into JSON', () => {
    const all = bytes(...Array.from({ length: 256 }, (_, byte) => byte));
    expect(jsonOf(all)).not.toMatch(/[\x00-\x1f]/);
    for (const latin1 of all) {
      expect(JSON.parse(jsonOf(latin1))).toBe(Buffer.from(latin1, 'latin1').toString());
    }
  });

  it('gives the text or the bytes of any name back', () => {
    const random = randomFrom(11);
    for (let i = 0; i < 5_000; i++) {
      const latin1 = bytes(...Array.from({ length: random(256) }, () => random(i % 2 === 0 ? 256 : 128)));
      const base64 = base64IfLossy(latin1);
      const back = base64 === undefined ? Buffer.from(textOf(latin1)) : Buffer.from(base64, 'base64');
      expect(back.toString('latin1')).toBe(latin1);
    }
  });
});
