import { describe, expect, it } from 'vitest';
import { type Block, type ByteReader, LINE_BYTES_MAX, scanLines } from '../../../src/search/line-scanner.js';
import { logLine } from '../../lib/log-lines.js';
import { BARE_FAILURE, EVENTS_LOST } from '../../lib/sample-events.js';

/** Gives a text in pieces of the given length. */
function readerOf(text: string, piece: number): ByteReader {
  const bytes = Buffer.from(text);
  let at = 0;
  return {
    read: async (buffer, offset, length) => {
      const taken = bytes.copy(buffer, offset, at, Math.min(at + Math.min(piece, length), bytes.length));
      at += taken;
      return taken;
    },
  };
}

async function scan(text: string, needles: string[], piece = 4096) {
  const seen = { candidates: [] as string[], others: [] as string[], oversized: 0, deletions: 0 };
  const textOf = (buffer: Buffer, start: number, end: number) => buffer.toString('utf8', start, end);
  await scanLines(
    readerOf(text, piece),
    needles.map((needle) => Buffer.from(needle)),
    {
      candidate: (...line) => void seen.candidates.push(textOf(...line)),
      other: (...line) => void seen.others.push(textOf(...line)),
      oversized: () => {
        seen.oversized += 1;
      },
      block: ({ deletions }: Block) => {
        seen.deletions += deletions;
      },
    },
  );
  return seen;
}

describe('scanLines', () => {
  const lines = Array.from({ length: 40 }, (_, index) => logLine({ path: `/srv/file-${index}-`, sequence: index }));

  it.each([1, 7, 1000, 1 << 20])('finds the same lines when the bytes come by %i', async (piece) => {
    const text = `${lines.join('\n')}\n`;
    expect((await scan(text, ['file-7-', 'file-39-'], piece)).candidates).toEqual([lines[7], lines[39]]);
    const all = await scan(text, [], piece);
    expect(all).toMatchObject({ candidates: lines, others: [], deletions: 40 });
  });

  it('takes a last line without an end', async () => {
    expect((await scan(`${lines[0]}\n${lines[1]}`, [])).candidates).toEqual([lines[0], lines[1]]);
  });

  it('hands over every line that does not begin as a deletion, needle or not', async () => {
    const others = [JSON.stringify(EVENTS_LOST), JSON.stringify(BARE_FAILURE), 'foreign', lines[0]!.slice(0, 300)];
    const seen = await scan([lines[3], ...others, lines[4], ''].join('\n'), ['nowhere']);
    expect(seen).toMatchObject({ candidates: [], others, deletions: 2 });
  });

  it('keeps nothing of a line that is too long, and goes on behind it', async () => {
    const long = 'x'.repeat(5 * LINE_BYTES_MAX);
    const seen = await scan(`${lines[0]}\n${long}\n${lines[1]}\n`, [], 1 << 19);
    expect(seen).toMatchObject({ candidates: [lines[0], lines[1]], others: [], oversized: 1 });
    const justTooLong = await scan(`${'y'.repeat(LINE_BYTES_MAX + 1)}\n${lines[1]}\n`, [], 1 << 21);
    expect(justTooLong).toMatchObject({ candidates: [lines[1]], others: [], oversized: 1 });
    expect(await scan(long, [], 1 << 19)).toMatchObject({ candidates: [], oversized: 1 });
  });

  it('does not take a name for the beginning of a line', async () => {
    const name = `${lines[0]!.slice(0, 200)}`;
    const line = logLine({ path: `/srv/${name}` });
    expect(await scan(`${line}\n`, ['/srv/'])).toMatchObject({ candidates: [line], others: [] });
  });
});
