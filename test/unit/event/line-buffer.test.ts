import { describe, expect, it } from 'vitest';
import { LineBuffer } from '../../../src/event/line-buffer.js';
import { randomFrom } from '../watch/plain-glob.js';

/** Takes copies: the buffer is used again. */
function gather() {
  const chunks: { text: string; bytes: number; lines: number }[] = [];
  const take = (chunk: Buffer, length: number, lines: number) => {
    chunks.push({ text: chunk.toString('utf8', 0, length), bytes: length, lines });
  };
  return { buffer: new LineBuffer(take), chunks };
}

function add(buffer: LineBuffer, line: string): void {
  buffer.text(line);
  buffer.endLine();
}

describe('LineBuffer', () => {
  it('hands on nothing before it is told to, and then all at once', () => {
    const { buffer, chunks } = gather();
    add(buffer, 'one');
    add(buffer, 'two é€😀');
    expect(chunks).toEqual([]);
    buffer.flush();
    expect(chunks).toEqual([{ text: 'one\ntwo é€😀\n', bytes: 18, lines: 2 }]);
    buffer.flush();
    expect(chunks).toHaveLength(1);
  });

  it('hands on by itself when it is full', () => {
    const { buffer, chunks } = gather();
    const line = 'x'.repeat(999);
    for (let i = 0; i < 1000; i++) add(buffer, line);
    expect(chunks.length).toBeGreaterThan(2);
    buffer.flush();
    expect(chunks.map(({ text }) => text).join('')).toBe(`${line}\n`.repeat(1000));
    expect(chunks.reduce((sum, { lines }) => sum + lines, 0)).toBe(1000);
  });

  it('keeps the order around a line that is larger than itself', () => {
    const { buffer, chunks } = gather();
    const large = '€'.repeat(300_000);
    for (const line of ['before', large, 'after']) add(buffer, line);
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
      add(buffer, line);
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

  const written = (write: (buffer: LineBuffer) => unknown): string => {
    const { buffer, chunks } = gather();
    write(buffer);
    buffer.endLine();
    buffer.flush();
    return chunks
      .map(({ text }) => text)
      .join('')
      .slice(0, -1);
  };

  it.each([
    0,
    9,
    10,
    99,
    100,
    2 ** 31,
    999_999_999,
    1_000_000_000,
    1_000_000_001,
    4_294_967_295,
    1_234_567_890_123_456,
    999_999_999_999_999,
    1_000_000_000_000_000,
    Number.MAX_SAFE_INTEGER,
    2 ** 64,
    -1,
  ])('writes the number %s', (value) => {
    expect(written((buffer) => buffer.number(value))).toBe(String(value));
  });

  it('writes numbers of any length, with leading zeros too', () => {
    const random = randomFrom(1);
    for (let i = 0; i < 2000; i++) {
      const value = Math.floor(random(1_000_000_000) * 10 ** random(7));
      expect(written((buffer) => buffer.number(value))).toBe(String(value));
      const below = random(1_000_000_000);
      expect(written((buffer) => buffer.nineDigits(below))).toBe(String(below).padStart(9, '0'));
    }
  });

  it.each([
    ['plain', 'plain'],
    ['', ''],
    ['a"b', 'a\\"b'],
    ['tab\t', 'tab\\t'],
    ['\x7f', '\x7f'],
    ['\xc3\xa9', 'é'],
    ['ends in \xff', 'ends in \ufffd'],
    ['back\\slash', 'back\\\\slash'],
  ])('writes %j as a part of a JSON string', (latin1, expected) => {
    const plain = /^[ -~]*$/.test(latin1) && !/["\\]/.test(latin1);
    const source = Buffer.from(`before${latin1}after`, 'latin1');
    const answers: boolean[] = [];
    expect(written((buffer) => answers.push(buffer.jsonText(latin1)))).toBe(expected);
    expect(written((buffer) => answers.push(buffer.jsonPart(source, 6, 6 + latin1.length)))).toBe(expected);
    expect(answers).toEqual([plain, plain]);
  });

  it('forgets a line that was begun, and no other', () => {
    expect(
      written((buffer) => {
        add(buffer, 'one');
        buffer.ascii('begun');
        buffer.cancelLine();
        buffer.part(Buffer.from('two'));
      }),
    ).toBe('one\ntwo');
  });

  it('keeps the beginning of a line while others are handed on', () => {
    const { buffer, chunks } = gather();
    for (let i = 0; i < 300; i++) add(buffer, 'x'.repeat(999));
    buffer.ascii('begun ');
    buffer.flush();
    buffer.part(Buffer.from('y'.repeat(200_000)));
    buffer.part(Buffer.from('z'.repeat(200_000)));
    buffer.endLine();
    add(buffer, 'after');
    buffer.flush();
    const lines = chunks
      .map(({ text }) => text)
      .join('')
      .split('\n');
    expect(lines.slice(300)).toEqual([`begun ${'y'.repeat(200_000)}${'z'.repeat(200_000)}`, 'after', '']);
    expect(chunks.reduce((sum, chunk) => sum + chunk.lines, 0)).toBe(302);
  });
});
