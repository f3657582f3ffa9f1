import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diagnosticLine } from '../../../src/diagnostics/diagnostic-line.js';
import { createDiagnostics, type DiagnosticsOptions } from '../../../src/diagnostics/diagnostics.js';
import { FifoReader, makeFifo, openFifoForWriting } from '../../lib/fifo.js';
import { transpileOutput } from '../../lib/transpiled-output.js';

let directory: string;
let file: string;
let descriptor: number;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-diagnostics-'));
  file = path.join(directory, 'stderr');
  descriptor = fs.openSync(file, 'w');
});

afterEach(() => {
  fs.closeSync(descriptor);
  fs.rmSync(directory, { recursive: true });
});

function diagnostics(options: Partial<DiagnosticsOptions> = {}) {
  return createDiagnostics({ level: 'info', format: 'auto', descriptor, env: {}, ...options });
}

const written = () => fs.readFileSync(file, 'utf8');

describe('JSON form', () => {
  it('has the names of the Elastic Common Schema, what is not in it below rmwatch, and nothing of the host', () => {
    diagnostics().warn({ path: '/x', code: 'EIO' }, 'careful');
    const record = JSON.parse(written());
    expect(record).toEqual({
      '@timestamp': expect.any(String),
      ecs: { version: '9.0.0' },
      log: { level: 'warn' },
      message: 'careful',
      error: { code: 'EIO' },
      rmwatch: { path: '/x' },
    });
    expect(new Date(record['@timestamp']).toISOString()).toBe(record['@timestamp']);
  });

  it('begins otherwise than an event, which begins with its time', () => {
    diagnostics().info('x');
    expect(written()).toMatch(/^{"log":{"level":"info"},"@timestamp":"/);
  });

  it('has of an error its type, message, stack and code', () => {
    const error = Object.assign(new RangeError('no'), { code: 'ENOSPC', fd: 3 });
    diagnostics().error({ error }, 'outer');
    expect(JSON.parse(written()).error).toEqual({
      type: 'RangeError',
      message: 'no',
      code: 'ENOSPC',
      stack_trace: expect.stringContaining('RangeError: no\n    at '),
    });
    diagnostics().error({ error: 'thrown text' }, 'outer');
    expect(JSON.parse(written().trimEnd().split('\n')[1]!).error).toEqual({ message: 'thrown text' });
  });

  it('is written at once, and only from the configured level on', () => {
    const log = diagnostics({ level: 'error' });
    log.warn('too low');
    expect(written()).toBe('');
    log.error({ error: new Error('inner') }, 'outer');
    expect(JSON.parse(written())).toMatchObject({ message: 'outer', error: { message: 'inner', type: 'Error' } });
  });
});

describe('in the journal', () => {
  const journal = () => {
    const { dev, ino } = fs.fstatSync(descriptor, { bigint: true });
    return `${dev}:${ino}`;
  };

  it('has the priority before each line', () => {
    const log = diagnostics({ level: 'trace', env: { JOURNAL_STREAM: journal() } });
    for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const) log[level](level);
    const lines = written().trimEnd().split('\n');
    expect(lines.map((line) => line.slice(0, 4))).toEqual(['<7>{', '<7>{', '<6>{', '<4>{', '<3>{', '<2>{']);
    expect(lines.map((line) => JSON.parse(line.slice(3)).log.level)).toEqual([
      'trace',
      'debug',
      'info',
      'warn',
      'error',
      'fatal',
    ]);
  });

  it('is not believed to be when the variable belongs to another process', () => {
    diagnostics({ env: { JOURNAL_STREAM: '1:2' } }).info('x');
    expect(written()).toMatch(/^\{/);
  });
});

describe('pretty form', () => {
  it('is for people', () => {
    diagnostics({ format: 'pretty' }).info({ watches: 2, file: '/a b', error: new Error('it "broke"') }, 'loaded');
    expect(written()).toMatch(/^\d\d:\d\d:\d\d INFO {2}loaded watches=2 file="\/a b" error="it \\"broke\\""\n$/);
  });

  it('escapes what could command the terminal', () => {
    diagnostics({ format: 'pretty' }).info({ name: '\x1b[2J', other: '\u009b\u202e' }, 'a\nb\x1b[31m');
    expect(written()).toMatch(/ a\\nb\\x1b\[31m name=\\x1b\[2J other=\\u009b\\u202e\n$/);
  });

  it('has the same text with colours', () => {
    const record = {
      '@timestamp': '2026-11-22T12:34:56.789Z',
      log: { level: 'error' },
      message: 'm',
      rmwatch: { key: 1 },
    } as const;
    const colored = diagnosticLine(record, true);
    expect(colored).toContain('\x1b[31mERROR\x1b[0m');
    expect(colored.replace(/\x1b\[\d+m/g, '')).toBe(diagnosticLine(record, false));
  });

  it.each([
    ['', true],
    ['NO_COLOR=1', false],
    ['TERM=dumb', false],
  ])('is coloured on a terminal, unless asked not to (%s)', (setting, colored) => {
    const program = `const { colorWanted } = await import('${path.join(directory, 'text/terminal-style.js')}'); console.log('wanted', String(colorWanted(2, process.env)));`;
    transpileOutput(directory);
    const command = `env -u NO_COLOR TERM=xterm ${setting} '${process.execPath}' --input-type=module -e "${program}"`;
    const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    expect(stdout).toContain(`wanted ${colored}`);
  });
});

describe('a reader of stderr that stops', () => {
  // A pipe takes a line of up to 4096 bytes whole or not at all, a longer one in parts.
  it.each([1_000, 10_000])('costs messages of %d bytes, whole ones, and counts them', (size) => {
    const fifo = path.join(directory, 'fifo');
    makeFifo(fifo);
    const reader = new FifoReader(fifo);
    // As a shell would hand it on; with a reader there, opening does not wait.
    const blocking = fs.openSync(fifo, 'w');
    const log = diagnostics({ descriptor: blocking });
    const before = performance.now();
    const pad = 'x'.repeat(size);
    for (let number = 0; number < 1_000; number++) log.info({ number, pad }, 'flood');
    expect(performance.now() - before).toBeLessThan(1_000);
    while (reader.read() > 0);
    log.info('after');
    while (reader.read() > 0);
    const records = reader.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records.at(-1).message).toBe('after');
    expect(records.at(-2)).toMatchObject({ log: { level: 'warn' }, message: 'diagnostics were dropped' });
    const dropped = records.reduce((sum, record) => sum + (record.rmwatch?.dropped ?? 0), 0);
    const arrived = records.filter(({ message }) => message === 'flood');
    expect(arrived.length).toBeGreaterThan(4);
    expect(arrived.length + dropped).toBe(1_000);
    reader.close();
    fs.closeSync(blocking);
  });

  it('or went away is no reason to fail', () => {
    const fifo = path.join(directory, 'fifo');
    makeFifo(fifo);
    const reader = new FifoReader(fifo);
    const descriptorOfFifo = openFifoForWriting(fifo);
    const log = diagnostics({ descriptor: descriptorOfFifo });
    reader.close();
    expect(() => log.fatal('no reader')).not.toThrow();
    fs.closeSync(descriptorOfFifo);
  });
});
