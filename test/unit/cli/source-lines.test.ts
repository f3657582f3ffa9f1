import { describe, expect, it } from 'vitest';
import { SourceLines } from '../../../src/cli/source-lines.js';

function excerpt(text: string, line: number, column: number): Promise<string> {
  return new SourceLines(new Map([['f', text]])).excerpt({ file: 'f', line, column, path: 'x', message: '' });
}

describe('SourceLines', () => {
  it('points at the place, also behind what is escaped', async () => {
    expect(await excerpt('a: 1\nb: [x, y]\n', 2, 8)).toBe('  b: [x, y]\n         ^\n');
    expect(await excerpt('\ta\u001b[31m: x', 1, 10)).toBe(`  \\ta\\x1b[31m: x\n${' '.repeat(2 + 13)}^\n`);
    expect(await excerpt('ab', 1, 9)).toBe('  ab\n    ^\n');
  });

  it('shows a part of a long line', async () => {
    const [line, caret] = (await excerpt(`${'a'.repeat(500)}X${'b'.repeat(500)}`, 1, 501)).split('\n');
    expect(line).toBe(`  …${'a'.repeat(40)}X${'b'.repeat(59)}…`);
    expect(caret).toBe(`${' '.repeat(2 + 41)}^`);
  });

  it('shows nothing of a problem with the file as a whole, or where there is no such line or file', async () => {
    expect(await excerpt('a', 7, 1)).toBe('');
    const lines = new SourceLines(new Map());
    expect(await lines.excerpt({ file: '/not/there', line: 2, column: 2, path: 'x', message: '' })).toBe('');
    expect(await lines.excerpt({ file: '/not/there', line: 1, column: 1, path: '', message: '' })).toBe('');
  });
});
