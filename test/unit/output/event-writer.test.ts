import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventWriter, type EventWriterOptions } from '../../../src/output/event-writer.js';
import type { OutputTrouble } from '../../../src/output/output-health.js';
import { DescriptorTarget, type OutputTarget, PathTarget } from '../../../src/output/output-target.js';
import { PENDING, type Sink } from '../../../src/output/sink.js';
import { FifoReader, makeFifo, openFifoForWriting } from '../../lib/fifo.js';
import { numberedLines, numbersIn, range } from '../../lib/numbered-lines.js';
import { transpileOutput } from '../../lib/transpiled-output.js';
import { waitUntil } from '../../lib/wait-until.js';

let directory: string;
let troubles: OutputTrouble[];
/** What a busy machine may need; a test that is right takes milliseconds. */
const PATIENT_MS = 25_000;

let recoveries: number[];
const writers: EventWriter[] = [];

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-writer-'));
  troubles = [];
  recoveries = [];
});

afterEach(() => {
  for (const writer of writers.splice(0)) writer.close();
  fs.rmSync(directory, { recursive: true });
});

function openWriter(options: EventWriterOptions): EventWriter {
  const writer = new EventWriter({
    retryMs: 20,
    onTrouble: (trouble) => troubles.push(trouble),
    onRecovered: (lostLines) => recoveries.push(lostLines),
    ...options,
  });
  writers.push(writer);
  return writer;
}

/** Writes numbered lines in chunks; returns how many were taken. */
function write(writer: EventWriter, first: number, count: number, lineBytes = 100, chunkLines = 50): number {
  let taken = 0;
  for (let at = 0; at < count; at += chunkLines) {
    const lines = Math.min(chunkLines, count - at);
    const chunk = numberedLines(first + at, lines, lineBytes);
    taken += writer.writeChunk(chunk, chunk.length, lines);
    chunk.fill('!'); // The chunk is the caller's again.
  }
  return taken;
}

function accounted(writer: EventWriter): number {
  return writer.writtenLines + writer.queuedLines + writer.lostLines;
}

function codes(): string[] {
  return troubles.map(({ code }) => code);
}

describe('a log file', () => {
  it('gets every line once, in order, and is not for everybody to read', async () => {
    const file = path.join(directory, 'events.json');
    const writer = openWriter({ target: new PathTarget(file) });
    write(writer, 0, 20_000);
    writer.writeLine('{"number":20000}');
    expect(await writer.flush(5_000)).toBe(true);
    expect(numbersIn(fs.readFileSync(file, 'utf8'))).toEqual(range(0, 20_001));
    expect([writer.writtenLines, writer.queuedLines, writer.lostLines]).toEqual([20_001, 0, 0]);
    expect(fs.statSync(file).mode & 0o777).toBe(0o640 & ~process.umask());
  });

  it('is appended to, on a new line when a crash left half a one', async () => {
    const file = path.join(directory, 'events.json');
    fs.writeFileSync(file, '{"number":1}\n{"num');
    for (const number of [2, 3]) {
      const writer = openWriter({ target: new PathTarget(file) });
      writer.writeLine(`{"number":${number}}`);
      expect(await writer.flush(5_000)).toBe(true);
      writer.close();
    }
    expect(fs.readFileSync(file, 'utf8')).toBe('{"number":1}\n{"num\n{"number":2}\n{"number":3}\n');
  });

  it.each([
    ['a directory', () => directory, 'it is a directory'],
    ['a missing directory', () => path.join(directory, 'no/file'), 'its directory does not exist'],
    [
      'a symbolic link',
      () => {
        const link = path.join(directory, 'link');
        fs.symlinkSync(path.join(directory, 'elsewhere'), link);
        return link;
      },
      'it is a symbolic link',
    ],
    [
      'a FIFO without a reader',
      () => {
        const fifo = path.join(directory, 'fifo');
        makeFifo(fifo);
        return fifo;
      },
      'no process reads it',
    ],
  ])('is not %s', (_what, make, message) => {
    expect(() => openWriter({ target: new PathTarget(make()) })).toThrow(message);
  });
});

describe('a log file that is removed', () => {
  let file: string;
  let writer: EventWriter;

  beforeEach(async () => {
    file = path.join(directory, 'logs/events.json');
    fs.mkdirSync(path.dirname(file));
    writer = openWriter({ target: new PathTarget(file) });
    write(writer, 0, 10);
    expect(await writer.flush(5_000)).toBe(true);
  });

  it('takes only what it had with it: later lines are in a new one', async () => {
    fs.rmSync(file);
    write(writer, 10, 20_000);
    expect(await writer.flush(5_000)).toBe(true);
    expect(numbersIn(fs.readFileSync(file, 'utf8'))).toEqual(range(10, 20_000));
    expect([writer.writtenLines, writer.queuedLines, writer.lostLines]).toEqual([20_010, 0, 0]);
    expect(troubles).toEqual([{ code: 'REMOVED', reason: `${file}: the file was removed` }]);
    expect(recoveries).toEqual([0]);
  });

  it('is there again although there is nothing to write', async () => {
    fs.rmSync(file);
    writer.lookForTarget();
    await waitUntil('it is there', () => fs.existsSync(file));
    expect([codes(), recoveries]).toEqual([['REMOVED'], [0]]);
    writer.lookForTarget();
    write(writer, 10, 5);
    expect(await writer.flush(5_000)).toBe(true);
    expect(numbersIn(fs.readFileSync(file, 'utf8'))).toEqual(range(10, 5));
    expect(codes()).toEqual(['REMOVED']);
  });

  it('is waited for while its directory is gone, too', async () => {
    fs.rmSync(path.dirname(file), { recursive: true });
    write(writer, 10, 500);
    await waitUntil('it cannot be opened', () => codes().includes('ENOENT'));
    expect([accounted(writer), writer.queuedLines]).toEqual([510, 500]);
    expect(troubles.at(-1)!.reason).toContain('its directory does not exist');
    fs.mkdirSync(path.dirname(file));
    await waitUntil('it is written', () => writer.queuedLines === 0);
    expect(numbersIn(fs.readFileSync(file, 'utf8'))).toEqual(range(10, 500));
    expect([codes(), recoveries, writer.lostLines]).toEqual([['REMOVED', 'ENOENT'], [0], 0]);
  });

  it('keeps what was rotated, and the rest in whole lines, when the rotated file is removed before the signal', async () => {
    fs.renameSync(file, `${file}.1`);
    write(writer, 10, 10);
    expect(await writer.flush(5_000)).toBe(true);
    expect([codes(), fs.existsSync(file)]).toEqual([[], false]);
    fs.rmSync(`${file}.1`);
    write(writer, 20, 10);
    expect(await writer.flush(5_000)).toBe(true);
    expect(numbersIn(fs.readFileSync(file, 'utf8'))).toEqual(range(20, 10));
  });

  it('is not opened more often than an output that fails, whoever goes on removing it', async () => {
    const patient = openWriter({ target: new PathTarget(file), retryMs: 60_000 });
    fs.rmSync(file);
    write(patient, 0, 10);
    expect(await patient.flush(5_000)).toBe(true);
    fs.rmSync(file);
    write(patient, 10, 10);
    await waitUntil('it is missed', () => codes().filter((code) => code === 'REMOVED').length === 2);
    write(patient, 20, 10);
    expect([patient.writtenLines, patient.queuedLines, fs.existsSync(file)]).toEqual([10, 20, false]);
    // The one at the end is not to be waited for.
    expect(await patient.flush(5_000)).toBe(true);
    expect(numbersIn(fs.readFileSync(file, 'utf8'))).toEqual(range(10, 20));
  });
});

describe('the first line of a file', () => {
  it('stands before the lines that waited, in each file that is new, and counts as none of them', async () => {
    const file = path.join(directory, 'events.json');
    const writer = openWriter({ target: new PathTarget(file) });
    write(writer, 0, 100);
    expect(await writer.flush(PATIENT_MS)).toBe(true);
    let files = 0;
    writer.beginFilesWith(() => `file ${++files}`);
    for (const round of [1, 2]) {
      write(writer, 100 * round, 100);
      fs.renameSync(file, `${file}.${round}`);
      writer.reopen();
      expect(await writer.flush(PATIENT_MS)).toBe(true);
    }
    fs.rmSync(file);
    writer.lookForTarget();
    await waitUntil('the removed file is there again', () => fs.existsSync(file) && fs.statSync(file).size > 0);
    expect(fs.readFileSync(file, 'utf8')).toBe('file 3\n');
    const [first = '', ...rest] = fs.readFileSync(`${file}.2`, 'utf8').split('\n');
    expect(first).toBe('file 1');
    expect(numbersIn(rest.join('\n')).length).toBeGreaterThan(0);
    expect([writer.writtenLines, writer.queuedLines, writer.lostLines]).toEqual([300, 0, 0]);
  });

  it('is left out of a file that holds something', async () => {
    const file = path.join(directory, 'events.json');
    const writer = openWriter({ target: new PathTarget(file) });
    writer.beginFilesWith(() => 'first');
    write(writer, 0, 1);
    await writer.flush(PATIENT_MS);
    writer.reopen();
    write(writer, 1, 1);
    await writer.flush(PATIENT_MS);
    expect(numbersIn(fs.readFileSync(file, 'utf8'))).toEqual([0, 1]);
  });
});

describe('reopen', () => {
  it('loses and doubles nothing under load', async () => {
    const file = path.join(directory, 'events.json');
    const writer = openWriter({ target: new PathTarget(file) });
    const rotated: string[] = [];
    for (let round = 0; round < 20; round++) {
      write(writer, round * 2_000, 1_000);
      rotated.push(`${file}.${round}`);
      fs.renameSync(file, rotated.at(-1)!);
      writer.reopen();
      write(writer, round * 2_000 + 1_000, 1_000);
      if (round % 3 === 0) await writer.flush(5_000);
    }
    expect(await writer.flush(5_000)).toBe(true);
    const files = [...rotated, file].map((name) => fs.readFileSync(name, 'utf8'));
    for (const text of files) numbersIn(text); // Whole lines in each of them.
    expect(numbersIn(files.join(''))).toEqual(range(0, 40_000));
    expect(files.filter((text) => text !== '').length).toBeGreaterThan(5);
    expect(accounted(writer)).toBe(40_000);
  });

  it('leaves no blank line in a file that was not rotated', async () => {
    const file = path.join(directory, 'events.json');
    const writer = openWriter({ target: new PathTarget(file) });
    for (let round = 0; round < 50; round++) {
      write(writer, round * 1_000, 1_000);
      writer.reopen();
    }
    expect(await writer.flush(5_000)).toBe(true);
    expect(numbersIn(fs.readFileSync(file, 'utf8'))).toEqual(range(0, 50_000));
  });

  it('keeps the old file when the new one cannot be opened', async () => {
    const file = path.join(directory, 'events.json');
    const writer = openWriter({ target: new PathTarget(file) });
    fs.renameSync(file, `${file}.1`);
    fs.mkdirSync(file);
    expect(() => writer.reopen()).toThrow('it is a directory');
    write(writer, 0, 10);
    expect(await writer.flush(5_000)).toBe(true);
    expect(numbersIn(fs.readFileSync(`${file}.1`, 'utf8'))).toEqual(range(0, 10));
  });

  it('finishes the line that the old target has begun', () => {
    const begun: string[] = [];
    const target = new NibblingTarget(begun);
    const writer = openWriter({ target });
    writer.writeLine('one');
    writer.writeLine('two');
    target.takeMore();
    writer.reopen();
    for (let step = 0; step < 10; step++) target.takeMore();
    expect(begun).toEqual(['one\n', 'two\n']);
    expect(writer.writtenLines).toBe(2);
  });

  it('does not leak descriptors', async () => {
    const file = path.join(directory, 'events.json');
    const writer = openWriter({ target: new PathTarget(file) });
    const open = () => fs.readdirSync('/proc/self/fd').filter((fd) => pointsTo(fd, file)).length;
    for (let round = 0; round < 10; round++) {
      write(writer, 0, 100);
      writer.reopen();
      writer.reopen();
    }
    await writer.flush(5_000);
    await waitUntil('one descriptor is left', () => open() === 1);
    writer.close();
    await waitUntil('none is left', () => open() === 0);
  });
});

/** Targets that take one byte on demand, as an interrupted disk may. */
class NibblingTarget implements OutputTarget {
  readonly name = 'nibbling';
  readonly named = true;
  private waiting: (() => void) | undefined;

  constructor(private readonly texts: string[]) {}

  takeMore(): void {
    const take = this.waiting;
    this.waiting = undefined;
    take?.();
  }

  open(): Sink {
    const index = this.texts.push('') - 1;
    return {
      pendingSurvivesExit: false,
      isEmptyFile: false,
      replaceable: false,
      write: (buffer, start, end, done) => {
        this.waiting = () => {
          const part = buffer.toString('utf8', start, Math.min(end, start + 1));
          this.texts[index] += part;
          done(null, part.length);
        };
        return PENDING;
      },
      writeNow: () => 0,
      lookForName: (done) => done(null),
      continues: () => true,
      cutTail: () => false,
      close: () => {},
    };
  }
}

function pointsTo(descriptor: string, file: string): boolean {
  try {
    return fs.readlinkSync(`/proc/self/fd/${descriptor}`) === file;
  } catch {
    return false;
  }
}

describe('a reader that stops', () => {
  it('does not stop the writer, which sheds whole lines and counts them', async () => {
    const fifo = path.join(directory, 'fifo');
    makeFifo(fifo);
    const reader = new FifoReader(fifo);
    const writer = openWriter({ target: new PathTarget(fifo), queueBytes: 500_000 });
    const before = performance.now();
    const taken = write(writer, 0, 20_000);
    expect(performance.now() - before).toBeLessThan(1_000);
    expect(taken).toBeGreaterThan(5_000);
    expect(taken).toBeLessThan(6_000);
    expect(writer.lostLines).toBe(20_000 - taken);
    expect(accounted(writer)).toBe(20_000);
    expect(writer.backlogBytes).toBeLessThanOrEqual(500_000);
    expect(writer.congested).toBe(true);
    expect(codes()).toEqual(['OVERFLOW']);

    await waitUntil('the queue is written', () => {
      reader.read();
      return writer.queuedLines === 0;
    });
    while (reader.read() > 0);
    expect(numbersIn(reader.text)).toEqual(range(0, taken));
    expect(writer.writtenLines).toBe(taken);
    expect(recoveries).toEqual([20_000 - taken]);
    expect(writer.congested).toBe(false);

    write(writer, 20_000, 10);
    while (reader.read() > 0);
    expect(numbersIn(reader.text).slice(-10)).toEqual(range(20_000, 10));
    reader.close();
  });

  it('is declared stuck after a while, so that nothing waits for it, and welcomed back', async () => {
    const fifo = path.join(directory, 'fifo');
    makeFifo(fifo);
    const reader = new FifoReader(fifo);
    const writer = openWriter({ target: new PathTarget(fifo), queueBytes: 200_000, stallMs: 50 });
    const taken = write(writer, 0, 2_500);
    expect(taken).toBe(2_500);
    expect(writer.congested).toBe(true);
    await waitUntil('it is declared stuck', () => codes().includes('STALLED'), PATIENT_MS);
    expect(writer.congested).toBe(false);
    await waitUntil(
      'the queue is written',
      () => {
        reader.read();
        return writer.queuedLines === 0;
      },
      PATIENT_MS,
    );
    while (reader.read() > 0);
    expect(numbersIn(reader.text)).toEqual(range(0, 2_500));
    // Where the machine lets the reader wait it is declared stuck once more; each time it is welcomed back, nothing lost.
    const stalls = codes().filter((code) => code === 'STALLED');
    expect(recoveries).toEqual(stalls.map(() => 0));
    reader.close();
  });

  it('ends a flush at its deadline', async () => {
    const fifo = path.join(directory, 'fifo');
    makeFifo(fifo);
    const reader = new FifoReader(fifo);
    const writer = openWriter({ target: new PathTarget(fifo) });
    write(writer, 0, 2_000);
    const before = performance.now();
    expect(await writer.flush(50)).toBe(false);
    expect(performance.now() - before).toBeLessThan(1_000);
    writer.close();
    expect(writer.writtenLines + writer.lostLines).toBe(2_000);
    expect(writer.lostLines).toBeGreaterThan(1_000);
    reader.close();
  });
});

describe('a notice', () => {
  it('is no event: written or lost, it is not counted', async () => {
    const fifo = path.join(directory, 'fifo');
    makeFifo(fifo);
    const reader = new FifoReader(fifo);
    const descriptor = openFifoForWriting(fifo);
    const writer = openWriter({
      target: new DescriptorTarget('stdout', descriptor),
      queueBytes: 200_000,
      retryMs: 10_000,
    });
    expect(writer.writeNotice('{"number":0}')).toBe(true);
    expect([writer.writtenLines, accounted(writer)]).toEqual([0, 0]);
    reader.read();
    expect(reader.text).toBe('{"number":0}\n');

    write(writer, 0, 1_000);
    expect(writer.writeNotice('{"number":0}')).toBe(true);
    const taken = write(writer, 1_000, 2_000);
    expect(writer.writeNotice('x'.repeat(1_000))).toBe(false);
    expect([writer.lostLines, accounted(writer)]).toEqual([2_000 - taken, 3_000]);
    reader.close();
    await waitUntil('the loss is noticed', () => codes().includes('EPIPE'));
    expect(writer.queuedLines).toBeLessThanOrEqual(1);
    expect(accounted(writer)).toBe(3_000);
    expect(writer.writeNotice('{"number":0}')).toBe(false);
    writer.close();
    expect(accounted(writer)).toBe(3_000);
    fs.closeSync(descriptor);
  });
});

describe('a reader that goes away', () => {
  it('costs what was written to an inherited pipe, at once, until it has a reader again', async () => {
    const fifo = path.join(directory, 'fifo');
    makeFifo(fifo);
    const reader = new FifoReader(fifo);
    const descriptor = openFifoForWriting(fifo);
    const writer = openWriter({ target: new DescriptorTarget('stdout', descriptor) });
    write(writer, 0, 3_000);
    await waitUntil('a third is read', () => {
      reader.read(10_000);
      return numbersInWholeLines(reader.text) >= 1_000;
    });
    reader.close();
    await waitUntil('the loss is noticed', () => codes().includes('EPIPE'));
    // At most the rest of the line that was begun is kept, since the pipe still has its beginning.
    expect(writer.queuedLines).toBeLessThanOrEqual(1);
    expect(writer.lostLines).toBeGreaterThan(500);
    expect(writer.discards).toBe(true);
    expect(accounted(writer)).toBe(3_000);
    write(writer, 3_000, 500);
    expect(accounted(writer)).toBe(3_500);
    expect(writer.congested).toBe(false);

    const second = new FifoReader(fifo);
    let sent = 3_500;
    await waitUntil('lines get through', () => {
      write(writer, 10_000 + sent, 1);
      sent++;
      second.read();
      return recoveries.length > 0 && writer.queuedLines === 0;
    });
    while (second.read() > 0);
    expect(codes()).toEqual(['EPIPE']);
    expect(writer.discards).toBe(false);
    expect(recoveries).toEqual([writer.lostLines]);
    // What the first reader left in the pipe was written, and comes out for the second.
    const got = numbersIn(reader.text + second.text);
    expect(got.length).toBe(writer.writtenLines);
    expect(got.length + writer.lostLines).toBe(sent);
    expect(got.at(-1)).toBe(10_000 + sent - 1);
    second.close();
    writer.close();
    fs.closeSync(descriptor);
  });

  it('makes the writer let go of a named FIFO, so that no torn line waits in it', () => {
    const fifo = path.join(directory, 'fifo');
    makeFifo(fifo);
    const reader = new FifoReader(fifo);
    const writer = openWriter({ target: new PathTarget(fifo), retryMs: 10_000 });
    reader.close();
    write(writer, 0, 1);
    expect(codes()).toEqual(['EPIPE']);
    expect(writer.queuedLines).toBe(1);
    return waitUntil('it is closed', () => !fs.readdirSync('/proc/self/fd').some((fd) => pointsTo(fd, fifo)));
  });

  it('finds the rest, in whole lines, when it returns to a named FIFO', async () => {
    const fifo = path.join(directory, 'fifo');
    makeFifo(fifo);
    const reader = new FifoReader(fifo);
    const writer = openWriter({ target: new PathTarget(fifo) });
    write(writer, 0, 3_000, 333);
    reader.read(100_000);
    reader.close();
    const writtenToFirst = writer.writtenLines;
    await waitUntil('the loss is noticed', () => codes().includes('EPIPE'));
    const second = new FifoReader(fifo);
    await waitUntil('the queue is written', () => {
      second.read();
      return writer.queuedLines === 0;
    });
    while (second.read() > 0);
    const got = numbersIn(second.text);
    expect(got).toEqual(range(3_000 - got.length, got.length));
    expect(got.length).toBeGreaterThanOrEqual(3_000 - writtenToFirst - 300);
    expect([writer.writtenLines, writer.lostLines]).toEqual([3_000, 0]);
    second.close();
  });
});

function numbersInWholeLines(text: string): number {
  return numbersIn(text.slice(0, text.lastIndexOf('\n') + 1)).length;
}

describe('a full disk', () => {
  it('is reported once, retried, and counted when it is given up', async () => {
    const writer = openWriter({ target: new PathTarget('/dev/full'), queueBytes: 10_000 });
    write(writer, 0, 500);
    await waitUntil('it is noticed', () => codes().includes('ENOSPC'));
    expect(accounted(writer)).toBe(500);
    expect(writer.queuedLines).toBe(100);
    expect(writer.congested).toBe(false);
    expect(await writer.flush(5_000)).toBe(false);
    expect(codes().filter((code) => code === 'ENOSPC')).toHaveLength(1);
    expect(recoveries).toEqual([]);
    writer.close();
    expect([writer.writtenLines, writer.lostLines]).toEqual([0, 500]);
  });

  const root = process.getuid?.() === 0;
  describe.skipIf(!root)(root ? 'on a small tmpfs' : 'on a small tmpfs (needs root to mount one)', () => {
    let mounted: string;
    let filler: string;

    beforeEach(() => {
      mounted = path.join(directory, 'small');
      fs.mkdirSync(mounted);
      mount(mounted);
      filler = path.join(mounted, 'filler');
      fs.writeFileSync(filler, Buffer.alloc(40 * 1024));
    });

    afterEach(() => {
      for (const writer of writers.splice(0)) writer.flushSync();
      unmount(mounted);
    });

    it('tears no line: what was begun is finished when there is room again', async () => {
      const file = path.join(mounted, 'events.json');
      const writer = openWriter({ target: new PathTarget(file) });
      write(writer, 0, 300, 99);
      await waitUntil('it is full', () => codes().includes('ENOSPC'));
      expect(fs.readFileSync(file, 'utf8')).not.toMatch(/\n$/);
      expect(writer.writtenLines).toBeGreaterThan(100);
      fs.rmSync(filler);
      expect(await writer.flush(5_000).then(() => writer.flush(5_000))).toBe(true);
      expect(numbersIn(fs.readFileSync(file, 'utf8'))).toEqual(range(0, 300));
      expect(writer.lostLines).toBe(0);
      expect(recoveries).toEqual([0]);
    });

    it('does not continue in a file that was truncated meanwhile: the line begins again from its start', async () => {
      const file = path.join(mounted, 'events.json');
      const writer = openWriter({ target: new PathTarget(file) });
      write(writer, 0, 300, 99);
      await waitUntil('it is full', () => codes().includes('ENOSPC'));
      const delivered = writer.writtenLines;
      fs.truncateSync(file, 0);
      expect(await writer.flush(5_000)).toBe(true);
      expect(numbersIn(fs.readFileSync(file, 'utf8'))).toEqual(range(delivered, 300 - delivered));
      expect([writer.writtenLines, writer.lostLines]).toEqual([300, 0]);
    });

    it('keeps the begun line apart from what another program has written behind it', async () => {
      const file = path.join(mounted, 'events.json');
      const writer = openWriter({ target: new PathTarget(file) });
      write(writer, 0, 300, 99);
      await waitUntil('it is full', () => codes().includes('ENOSPC'));
      const delivered = writer.writtenLines;
      fs.rmSync(filler);
      fs.appendFileSync(file, 'foreign');
      expect(await writer.flush(5_000)).toBe(true);
      const lines = fs.readFileSync(file, 'utf8').split('\n');
      const foreign = lines.findIndex((line) => line.endsWith('foreign'));
      expect(foreign).toBe(delivered);
      expect(numbersIn(`${lines.slice(foreign + 1).join('\n')}`)).toEqual(range(delivered, 300 - delivered));
    });

    it('has its space back as soon as its file is removed, and the lines that wait are in a new one', async () => {
      const file = path.join(mounted, 'events.json');
      const writer = openWriter({ target: new PathTarget(file) });
      write(writer, 0, 300, 99);
      await waitUntil('it is full', () => codes().includes('ENOSPC'));
      const delivered = writer.writtenLines;
      fs.rmSync(file);
      await waitUntil('all is written', () => writer.queuedLines === 0);
      expect(numbersIn(fs.readFileSync(file, 'utf8'))).toEqual(range(delivered, 300 - delivered));
      // The disk may be full once more until the thread pool has closed the removed file.
      expect(codes().slice(0, 2)).toEqual(['ENOSPC', 'REMOVED']);
      expect([recoveries, writer.lostLines]).toEqual([[0], 0]);
      const { blocks } = fs.statSync(file);
      await waitUntil('the removed file is let go', () => usedBlocks(mounted) === 40 * 2 + blocks);
    });

    it('is found out once a second by a writer that waits longer before it tries again', async () => {
      const file = path.join(mounted, 'events.json');
      const writer = openWriter({ target: new PathTarget(file), retryMs: 60_000 });
      write(writer, 0, 300, 99);
      await waitUntil('it is full', () => codes().includes('ENOSPC'));
      fs.rmSync(file);
      writer.lookForTarget();
      await waitUntil('all is written', () => writer.queuedLines === 0);
      expect(writer.lostLines).toBe(0);
    });

    it.each(['close', 'flushSync'] as const)('keeps no half line when the writer stops by %s', async (stop) => {
      const file = path.join(mounted, 'events.json');
      const writer = openWriter({ target: new PathTarget(file) });
      write(writer, 0, 300, 99);
      await waitUntil('it is full', () => codes().includes('ENOSPC'));
      expect(fs.readFileSync(file, 'utf8')).not.toMatch(/\n$/);
      writer[stop]();
      expect(numbersIn(fs.readFileSync(file, 'utf8'))).toEqual(range(0, writer.writtenLines));
      expect(accounted(writer)).toBe(300);
    });

    it('leaves whole lines on both sides of a rotation', async () => {
      const file = path.join(mounted, 'events.json');
      const writer = openWriter({ target: new PathTarget(file) });
      write(writer, 0, 300, 99);
      await waitUntil('it is full', () => codes().includes('ENOSPC'));
      fs.renameSync(file, `${file}.1`);
      fs.rmSync(filler);
      writer.reopen();
      expect(await writer.flush(5_000)).toBe(true);
      const old = numbersIn(fs.readFileSync(`${file}.1`, 'utf8'));
      const current = numbersIn(fs.readFileSync(file, 'utf8'));
      expect(old.length).toBeGreaterThan(100);
      expect(current.length).toBeGreaterThan(50);
      expect([...old, ...current]).toEqual(range(0, 300));
    });
  });
});

describe('flushSync', () => {
  it('writes what waits, before the process can do anything else', () => {
    const fifo = path.join(directory, 'fifo');
    makeFifo(fifo);
    const reader = new FifoReader(fifo);
    const writer = openWriter({ target: new PathTarget(fifo) });
    write(writer, 0, 800);
    expect(writer.queuedLines).toBeGreaterThan(0);
    while (reader.read() > 0);
    writer.flushSync();
    while (reader.read() > 0);
    expect(numbersIn(reader.text)).toEqual(range(0, 800));
    expect([writer.writtenLines, writer.lostLines]).toEqual([800, 0]);
    reader.close();
  });

  it('neither drops nor doubles what is on its way to a file', async () => {
    const file = path.join(directory, 'events.json');
    const writer = openWriter({ target: new PathTarget(file) });
    write(writer, 0, 5_000);
    writer.flushSync();
    await waitUntil('the pending write is done', () => fs.statSync(file).size === 500_000);
    expect(numbersIn(fs.readFileSync(file, 'utf8')).sort((a, b) => a - b)).toEqual(range(0, 5_000));
    expect(writer.lostLines).toBe(0);
  });
});

describe('a process of its own', () => {
  const PROGRAM = `
    import { EventWriter } from './output/event-writer.js';
    import { DescriptorTarget } from './output/output-target.js';
    const writer = new EventWriter({ target: new DescriptorTarget('stdout', 1) });
    for (let number = 0; number < 5000; number++) writer.writeLine(JSON.stringify({ number, pad: 'x'.repeat(80) }));
    const flushed = await writer.flush(Number(process.argv[2]));
    process.exit(flushed ? 0 : 9);
  `;

  /** A shell makes stdout a pipe; Node itself would make it a socket. */
  function run(command: string, deadlineMs: number): Promise<{ code: number | null; text: string }> {
    transpileOutput(directory);
    fs.writeFileSync(path.join(directory, 'program.js'), PROGRAM);
    const child = spawn(
      'bash',
      ['-c', command, 'bash', process.execPath, path.join(directory, 'program.js'), String(deadlineMs)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
        timeout: 20_000,
        killSignal: 'SIGKILL',
      },
    );
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, text }));
    });
  }

  it('writes everything to a socket', async () => {
    const { code, text } = await run('exec "$@"', 10_000);
    expect(numbersIn(text)).toEqual(range(0, 5_000));
    expect(code).toBe(0);
  });

  it('writes everything to a pipe whose reader comes late', async () => {
    const { code, text } = await run('set -o pipefail; "$@" | { sleep 0.2; cat; }', 10_000);
    expect(numbersIn(text)).toEqual(range(0, 5_000));
    expect(code).toBe(0);
  });

  it('can exit although its pipe has no reader', async () => {
    const { code } = await run('set -o pipefail; "$@" | { head -c 1 >/dev/null; sleep 1; }', 100);
    expect(code).toBe(9);
  });
});

/** Of 512 bytes, in use on the filesystem that is mounted at `where`. */
function usedBlocks(where: string): number {
  const { blocks, bfree, bsize } = fs.statfsSync(where);
  return ((blocks - bfree) * bsize) / 512;
}

function mount(where: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', where]);
}

function unmount(where: string): void {
  execFileSync('umount', ['--lazy', where]);
}
