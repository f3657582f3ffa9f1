import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scanLines } from '../../../src/search/line-scanner.js';
import { readLoggedLine } from '../../../src/search/logged-event.js';
import { fuzzed } from '../../lib/fuzz.js';
import { logLine } from '../../lib/log-lines.js';

const NEEDLES = ['needle', '/srv/'];
const path = fc.array(fc.oneof(fc.constantFrom(...NEEDLES, '/', '"', '\n', '\\'), fc.string()), { maxLength: 5 });
const deletion = path.map((parts) => logLine({ path: `/${parts.join('')}` }));
/** Whole lines of the daemon, lines that are cut, lines that were changed, and lines of others. */
const line = fc.oneof(
  deletion,
  fc.tuple(deletion, fc.nat(1_500)).map(([text, length]) => text.slice(0, length)),
  fc.tuple(deletion, fc.nat(1_500), fc.string()).map(([text, at, more]) => text.slice(0, at) + more + text.slice(at)),
  fc.json(),
  fc.string({ unit: 'binary', maxLength: 200 }),
);
const text = fc
  .tuple(fc.array(line, { maxLength: 12 }), fc.boolean())
  .map(([lines, isEnded]) => `${lines.map((one) => one.replaceAll('\n', ' ')).join('\n')}${isEnded ? '\n' : ''}`);

async function scan(bytes: Buffer, pieces: readonly number[], needles: readonly string[]) {
  let at = 0;
  let reads = 0;
  const read = async (buffer: Buffer, offset: number, length: number) => {
    const most = Math.min(pieces[reads++ % pieces.length]!, length);
    const taken = bytes.copy(buffer, offset, at, Math.min(at + most, bytes.length));
    at += taken;
    return taken;
  };
  const candidates: string[] = [];
  const others: string[] = [];
  await scanLines(
    { read },
    needles.map((needle) => Buffer.from(needle)),
    {
      candidate: (buffer, start, end) => void candidates.push(buffer.toString('utf8', start, end)),
      other: (buffer, start, end) => void others.push(buffer.toString('utf8', start, end)),
      oversized: () => {},
      block: () => {},
    },
  );
  return { candidates, others };
}

test('in random pieces of random lines the same is found as in the whole text', async () => {
  const pieces = fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(text, pieces, async (whole, sizes) => {
      const bytes = Buffer.from(whole);
      const all = await scan(bytes, sizes, []);
      const lines = bytes.toString().split('\n').filter(Boolean);
      expect([...all.candidates, ...all.others].sort()).toEqual([...lines].sort());
      const { candidates } = await scan(bytes, sizes, NEEDLES);
      const wanted = all.candidates.filter((one) => NEEDLES.some((needle) => one.includes(needle)));
      expect(candidates).toEqual(wanted);
    }),
    fuzzed(500),
  );
});

test('a random line is read as an event or as nothing, and never ends the search', () => {
  fc.assert(
    fc.property(line, (one) => {
      expect(() => readLoggedLine(one)).not.toThrow();
    }),
    fuzzed(2_000),
  );
});
