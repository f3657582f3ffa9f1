import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { dispatch } from '../../../src/cli/dispatch.js';
import type { DeletionEvent } from '../../../src/event/deletion-event.js';
import { logLine } from '../../lib/log-lines.js';
import { FULL_DELETION } from '../../lib/sample-events.js';

const root = mkdtempSync(join(tmpdir(), 'rmwatch-search-args-'));
afterAll(() => rmSync(root, { recursive: true }));

const HOUR = 3_600_000;
const START = Date.UTC(2026, 10, 24);
const BEGUN = '2026-11-24T00:00:00.000000000Z';

async function search(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const result = { code: -1, out: '', err: '' };
  const writer = (key: 'out' | 'err') => ({
    write: (text: string) => {
      result[key] += text;
    },
  });
  const io = { stdout: writer('out'), stderr: writer('err') };
  result.code = await dispatch(['search', '--args', ...argv], { run: () => -1, doctor: () => -1 }, io);
  return result;
}

/** A deletion whose line has only the first argument of its process. */
function cutDeletion(pid: number, time: number): string {
  const change = ({ process, rmwatch, ...event }: DeletionEvent) => ({
    ...event,
    process: { ...process, pid, start: BEGUN, args: ['rm'], args_count: 3 },
    rmwatch: { ...rmwatch, args_truncated: true as const },
  });
  return logLine({ path: `/srv/${pid}`, time, sequence: pid, change });
}

/** The line that has all of them. */
function processLine(
  pid: number,
  args: readonly string[],
  rmwatch: object = {},
  host: object = FULL_DELETION.host,
): string {
  return JSON.stringify({
    '@timestamp': new Date(START + HOUR).toISOString().replace('Z', '000000Z'),
    event: { kind: 'event', category: ['process'], action: 'process-arguments', dataset: 'rmwatch.process' },
    message: 'x',
    host,
    process: { pid, start: BEGUN, args },
    rmwatch,
  });
}

let files = 0;
function fileWith(lines: readonly string[], compress = false): string {
  files += 1;
  const file = join(root, `log-${files}`);
  const text = `${lines.join('\n')}\n`;
  writeFileSync(file, compress ? gzipSync(text) : text);
  return file;
}

const told = (out: string): DeletionEvent[] =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('search --args', () => {
  const older = fileWith([processLine(7, ['rm', '-f', 'of\u001b[2J an hour']), cutDeletion(7, START + HOUR)], true);
  const newer = fileWith([
    processLine(8, ['rm', '-f', 'new']),
    cutDeletion(8, START + 3 * HOUR),
    cutDeletion(7, START + 4 * HOUR),
    cutDeletion(9, START + 5 * HOUR),
    logLine({ path: '/srv/short', time: START + 6 * HOUR }),
  ]);
  const inputs = ['--input', older, '--input', newer];
  const recent = ['--since', new Date(START + 2 * HOUR).toISOString()];

  it('shows a command below each deletion, from a line before the time that is searched, too', async () => {
    const { out, code } = await search(...inputs, ...recent);
    expect(code).toBe(0);
    const commands = out.split('\n').filter((_line, index) => index % 2 === 1);
    expect(commands).toEqual([
      '    rm -f new',
      "    rm -f $'of\\033[2J an hour'",
      '    rm ... (3 arguments in all)',
      '    rm a.db',
    ]);
  });

  it.each([[[]], [['--reverse']], [['--limit', '3']], [['--limit', '3', '--reverse']]])(
    'finds the same with %j',
    async (order) => {
      const { out } = await search('--json', ...inputs, ...recent, ...order);
      const args = Object.fromEntries(told(out).map(({ process }) => [process.pid, process.args]));
      expect(args).toMatchObject({ 7: ['rm', '-f', 'of\u001b[2J an hour'], 9: ['rm'], 4242: ['rm', 'a.db'] });
    },
  );

  it('puts the whole list into the lines of --json, and takes its mark away', async () => {
    const { out } = await search('--json', ...inputs, ...recent);
    const [joined, , unknown, short] = told(out);
    expect(joined!.process).toMatchObject({ args: ['rm', '-f', 'new'], args_count: 3 });
    expect(joined!.rmwatch).not.toHaveProperty('args_truncated');
    expect(unknown!.rmwatch).toHaveProperty('args_truncated', true);
    expect(JSON.stringify(short)).toBe(logLine({ path: '/srv/short', time: START + 6 * HOUR }));
  });

  it('keeps the mark where the kernel side took only a part, and the bytes of what is not UTF-8', async () => {
    const whole = processLine(1, ['rm', '\ufffd'], { args_truncated: true, args_bytes: ['cm0=', '/w=='] });
    const { out } = await search('--json', '--input', fileWith([whole, cutDeletion(1, START + 2 * HOUR)]));
    expect(told(out)[0]!.rmwatch).toMatchObject({ args_truncated: true, args_bytes: ['cm0=', '/w=='] });
  });

  it.each([
    ['of another boot', processLine(1, ['rm', 'other'], {}, { ...FULL_DELETION.host, boot: { id: 'another' } })],
    ['that is damaged', processLine(1, [1] as unknown as string[])],
  ])('does not take a line %s', async (_which, line) => {
    const { out, code } = await search('--json', '--input', fileWith([line, cutDeletion(1, START + 2 * HOUR)]));
    expect(code).toBe(0);
    expect(told(out)[0]!.process.args).toEqual(['rm']);
  });

  it('leaves out a deletion whose arguments are no list of texts', async () => {
    const forged = ['rm', [1], { 0: 'rm' }].map((args) => {
      const line = JSON.parse(cutDeletion(1, START + HOUR));
      return JSON.stringify({ ...line, process: { ...line.process, args } });
    });
    const { out, err } = await search('--input', fileWith([...forged, cutDeletion(2, START + HOUR)]));
    expect(out).toContain('/srv/2');
    expect(err).toContain('3 lines were torn or no lines of rmwatch');
  });

  it('says what it could not read on the way to a line about a process', async () => {
    const damaged = fileWith([processLine(7, ['rm', '-f', 'x'.repeat(10_000)])], true);
    truncateSync(damaged, 100);
    const { code, err } = await search('--input', damaged, '--input', newer, ...recent);
    expect(code).toBe(1);
    expect(err.match(/unexpected end of file/g)).toHaveLength(1);
  });
});
