import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { shellQuote } from '../../../src/text/shell-quote.js';

const HOSTILE = [
  'plain',
  '',
  ' ',
  "it's",
  '$(touch /tmp/x)',
  '`id`',
  '"; rm -rf / #',
  "'; id; '",
  "\\'; id; \\'",
  'a\nb',
  'a\r\tb',
  '\x1b]0;owned\x07',
  '-n',
  '--',
  '~root',
  '*?[a]{b,c}',
  '!history',
  '\u202etxt.exe',
  '\u200b1',
  '\x011',
  'grün/日本',
  '\\x41\\101',
  '\x7f\u0085',
];

describe('shellQuote', () => {
  it.each(HOSTILE)('is the same word again for bash: %j', (word) => {
    const quoted = shellQuote(word);
    expect(quoted).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    for (const locale of ['C', 'C.UTF-8']) {
      const env = { ...process.env, LC_ALL: locale };
      const out = execFileSync('bash', ['-c', `printf %s ${quoted}`], { env });
      expect(out.toString('utf8')).toBe(word);
    }
  });
});
