import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { daemonLine } from '../../../src/event/daemon-line.js';
import { openLogFile } from '../../../src/search/log-file.js';
import { spansOf, type TimeBounds } from '../../../src/search/spans.js';
import { logLine } from '../../lib/log-lines.js';

const directory = mkdtempSync(join(tmpdir(), 'rmwatch-spans-'));
afterAll(() => rmSync(directory, { recursive: true }));

const START = Date.UTC(2026, 10, 24);
const MINUTE = 60_000;
const COUNT = 24_000;
/** About 30 MB: more than one that is read whole, and many samples. */
const template = logLine({ path: '/srv/some/file' });
const stamp = (time: number): string => new Date(time).toISOString().replace('Z', '000000Z');
const lineAt = (time: number): string => template.replace(/\d{4}-[^"]*Z/, stamp(time));

function write(name: string, timeOf: (index: number) => number): string {
  const file = join(directory, name);
  writeFileSync(file, `${Array.from({ length: COUNT }, (_, index) => lineAt(timeOf(index))).join('\n')}\n`);
  return file;
}

/** The times within the bounds of the lines in the spans, and the bytes that the spans have. */
async function found(name: string, bounds: TimeBounds) {
  const file = await openLogFile(name);
  const buffer = Buffer.allocUnsafe(1 << 20);
  const times: number[] = [];
  let bytes = 0;
  for (const span of await spansOf([file], bounds)) {
    const reader = span.open();
    let text = '';
    for (
      let got = await reader.read(buffer, 0, buffer.length);
      got > 0;
      got = await reader.read(buffer, 0, buffer.length)
    ) {
      text += buffer.toString('latin1', 0, got);
    }
    bytes += text.length;
    const lines = text.split('\n').slice(0, -1);
    for (const line of lines) {
      expect(line.startsWith('{"@timestamp":"') && line.endsWith('}')).toBe(true);
      const time = Date.parse(line.slice(15, 45));
      if (time >= bounds.sinceMs! && time <= bounds.untilMs!) times.push(time);
    }
  }
  await file.handle.close();
  return { times, bytes, size: file.size };
}

describe('spansOf', () => {
  it('has the first line of a file that is not read from its start, where the daemon speaks of the record', async () => {
    const timeOf = (index: number) => START + index * 1000;
    const plain = write('without', timeOf);
    const file = join(directory, 'with');
    const parts = { at: new Date(START), message: 'x', host: { name: 'h' } };
    const details = { run: 'a'.repeat(16), attach: 'kprobe' as const, config_hash: 'b'.repeat(64) };
    writeFileSync(file, `${daemonLine('continued', { ...parts, details })}\n${readFileSync(plain, 'utf8')}`);
    const openings = async (name: string, bounds: TimeBounds) => {
      const log = await openLogFile(name);
      const spans = await spansOf([log], bounds);
      await log.handle.close();
      return spans.map(({ opening }) => opening?.event.action);
    };
    const late = { sinceMs: timeOf(12_000), untilMs: timeOf(12_100) };
    expect(await openings(file, late)).toEqual(['continued']);
    expect(await openings(plain, late)).toEqual([undefined]);
    expect(await openings(file, { sinceMs: undefined, untilMs: undefined })).toEqual([undefined]);
  });

  it('reads of a large file the part within the bounds, in whole lines', async () => {
    const timeOf = (index: number) => START + index * 1000;
    const file = write('rising', timeOf);
    const bounds = { sinceMs: timeOf(12_000), untilMs: timeOf(12_100) };
    const { times, bytes, size } = await found(file, bounds);
    expect(times).toEqual(Array.from({ length: 101 }, (_, index) => timeOf(12_000 + index)));
    expect(bytes).toBeLessThan(size / 8);
    const { bytes: none } = await found(file, { sinceMs: START - 3 * MINUTE * 60, untilMs: START - 3 * MINUTE });
    expect(none).toBe(0);
  });

  it('misses nothing where the clock was set back, and forth again', async () => {
    const steps = (index: number): number => (index < 8_000 ? 0 : index < 16_000 ? -90 * MINUTE : 60 * MINUTE);
    const timeOf = (index: number) => START + index * 1000 + steps(index);
    const file = write('stepping', timeOf);
    const all = Array.from({ length: COUNT }, (_, index) => timeOf(index));
    for (let since = START - 90 * MINUTE; since < START + 480 * MINUTE; since += 17 * MINUTE) {
      const bounds = { sinceMs: since, untilMs: since + 5 * MINUTE };
      const expected = all.filter((time) => time >= bounds.sinceMs && time <= bounds.untilMs);
      expect((await found(file, bounds)).times, stamp(since)).toEqual(expected);
    }
  });
});
