import { describe, expect, it } from 'vitest';
import { escapeControl } from '../../../src/text/escape.js';

describe('escapeControl', () => {
  it.each([
    ['\x1b[31mred\x1b[0m', '\\x1b[31mred\\x1b[0m'],
    ['a\nb\rc\td', 'a\\nb\\rc\\td'],
    ['\0\x07\x7f', '\\x00\\x07\\x7f'],
    ['\u0085\u009b', '\\u0085\\u009b'],
    ['\u2028\u2029', '\\u2028\\u2029'],
    ['exe.\u202etxt\u202c', 'exe.\\u202etxt\\u202c'],
    ['\u2066\u2067\u2068\u2069', '\\u2066\\u2067\\u2068\\u2069'],
    ['\u200e\u200f\u061c', '\\u200e\\u200f\\u061c'],
    ['a\u200bb\u200c\u200d\u2060\ufeff', 'a\\u200bb\\u200c\\u200d\\u2060\\ufeff'],
    ['so\u00adft', 'so\\u00adft'],
    ['\u3164\u115f\u034f\ufe0f', '\\u3164\\u115f\\u034f\\ufe0f'],
    ['\u{e0061}\u{1d173}\u{e0100}', '\\u{e0061}\\u{1d173}\\u{e0100}'],
  ])('makes %j visible', (text, expected) => {
    expect(escapeControl(text)).toBe(expected);
  });

  it('leaves what a person can read alone', () => {
    const text = '/tmp/größe „x“ 文件 🗑 \\ "quoted" \u00a0';
    expect(escapeControl(text)).toBe(text);
  });

  it('leaves none of the dangerous characters, wherever they are', () => {
    const all = Array.from({ length: 0x110000 }, (_, code) => String.fromCodePoint(code)).join('');
    expect(escapeControl(all)).not.toMatch(
      /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}]/u,
    );
  });
});
