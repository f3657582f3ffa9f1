import { describe, expect, it } from 'vitest';
import { LineBuffer } from '../../src/deletion/line-buffer.js';
import { randomFrom } from './plain-glob.js';

/** Takes copies: the buffer is used again. */
function gather(form?: (line: string) => string) {
  const chunks: { text: string; bytes: number; lines: number }[] = [];
  const take = (chunk: Buffer, length: number, lines: number) => {
    chunks.push({ text: chunk.toString('utf8', 0, length), bytes: length, lines });
  };
  return { buffer: new LineBuffer(take, form), chunks };
}

describe('LineBuffer', () => {
  it('hands on nothing before it is told to, and then all at once', () => {
    const { buffer, chunks } = gather();
    buffer.add('one');
    buffer.add('two é€😀');
    expect(chunks).toEqual([]);
    buffer.flush();
    expect(chunks).toEqual([{ text: 'one\ntwo é€😀\n', bytes: 18, lines: 2 }]);
    buffer.flush();
    expect(chunks).toHaveLength(1);
  });

  it('forms each line', () => {
    const { buffer, chunks } = gather((line) => line.toUpperCase());
    buffer.add('one');
    buffer.flush();
    expect(chunks[0]!.text).toBe('ONE\n');
  });

  it('hands on by itself when it is full', () => {
    const { buffer, chunks } = gather();
    const line = 'x'.repeat(999);
    for (let i = 0; i < 1000; i++) buffer.add(line);
    expect(chunks.length).toBeGreaterThan(2);
    buffer.flush();
    expect(chunks.map(({ text }) => text).join('')).toBe(`${line}\n`.repeat(1000));
    expect(chunks.reduce((sum, { lines }) => sum + lines, 0)).toBe(1000);
  });

  it('keeps the order around a line that is larger than itself', () => {
    const { buffer, chunks } = gather();
    const large = '€'.repeat(300_000);
    for (const line of ['before', large, 'after']) buffer.add(line);
    buffer.flush();
    expect(chunks.map(({ text }) => text).join('')).toBe(`before\n${large}\nafter\n`);
    expect(chunks.reduce((sum, { lines }) => sum + lines, 0)).toBe(3);
  });

  it.each(['x', 'é', '€', '😀'])('loses nothing of lines of %s of any length', (letter) => {
    const seed = letter.codePointAt(0)!;
    const random = randomFrom(seed);
    const { buffer, chunks } = gather();
    let expected = '';
    let lines = 0;
    for (let i = 0; i < 400; i++) {
      const line = letter.repeat(random(random(20) === 0 ? 40_000 : 2_000));
      buffer.add(line);
      expected += `${line}\n`;
      lines += 1;
      if (random(50) === 0) buffer.flush();
    }
    buffer.flush();
    expect(chunks.map(({ text }) => text).join('') === expected).toBe(true);
    expect(chunks.reduce((sum, chunk) => sum + chunk.lines, 0)).toBe(lines);
    for (const { text, bytes, lines: count } of chunks) {
      expect(bytes).toBe(Buffer.byteLength(text));
      expect(text.split('\n').length - 1).toBe(count);
    }
  });
});
