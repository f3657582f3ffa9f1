import { EventEmitter } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { Page, type PageLimits, type PageThread } from '../../../src/page/page.js';
import { givenConditions } from '../../../src/page/page-conditions.js';
import type { FromThread, ToThread } from '../../../src/page/page-messages.js';
import { PageView, ROWS_PER_SECOND } from '../../../src/page/page-view.js';
import { countersNow } from '../../lib/counters-now.js';
import { FULL_DELETION } from '../../lib/sample-events.js';
import { waitUntil } from '../../lib/wait-until.js';

/** The thread without a thread: it works when it is told to. */
class Thread extends EventEmitter {
  terminated = false;
  private readonly messages: ToThread[] = [];
  private readonly view: PageView;

  constructor(data: { run: string }) {
    super();
    this.view = new PageView(data, (message: FromThread) => this.emit('message', structuredClone(message)));
  }

  postMessage(message: ToThread): void {
    this.messages.push(message);
  }

  work(): void {
    for (const message of this.messages.splice(0)) this.view.take(message);
  }

  async terminate(): Promise<number> {
    this.terminated = true;
    return 0;
  }
}

const pages: Page[] = [];
let threads: Thread[] = [];
let problems: Error[] = [];

afterEach(async () => {
  await Promise.all(pages.splice(0).map((page) => page.close()));
  threads = [];
  problems = [];
});

function newPage(limits: Partial<PageLimits> = {}): Page {
  const page = new Page({
    hostName: () => 'web-3',
    onProblem: (error) => problems.push(error),
    limits,
    startThread: (data) => {
      const thread = new Thread(data);
      threads.push(thread);
      return thread as unknown as PageThread;
    },
  });
  pages.push(page);
  return page;
}

/** A browser that reads all, unless it is one that has stopped. */
class Reader {
  text = '';
  readonly out: Writable;

  constructor(stopped = false) {
    this.out = stopped ? new Writable({ write: () => {}, highWaterMark: 1 }) : new PassThrough();
    if (this.out instanceof PassThrough) {
      this.out.setEncoding('utf8').on('data', (text: string) => {
        this.text += text;
      });
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: what the stream says is what is tested
  events(name: string): any[] {
    const found = [...this.text.matchAll(/event: (\w+)\n(?:id: .*\n)?data: (.*)\n\n/g)];
    return found.filter(([, event]) => event === name).map(([, , data]) => JSON.parse(data!));
  }

  get lastId(): string {
    return [...this.text.matchAll(/^id: (.*)$/gm)].at(-1)![1]!;
  }

  get paths(): string[] {
    return this.events('rows').flatMap((rows) =>
      rows.map((row: { path?: string; note?: string }) => row.path ?? row.note),
    );
  }
}

function join(
  page: Page,
  query = '',
  { lastId, stopped = false }: { lastId?: string; stopped?: boolean } = {},
): Reader {
  const given = givenConditions(new URLSearchParams(query));
  if ('error' in given) throw new Error(given.error);
  const reader = new Reader(stopped);
  page.reserve(given.value, lastId)!.open(reader.out);
  return reader;
}

function offer(page: Page, ...paths: string[]): void {
  const { host_path: _, ...rmwatch } = FULL_DELETION.rmwatch;
  const deletion = { ...FULL_DELETION, rmwatch };
  const lines = paths.map((path) => JSON.stringify({ ...deletion, file: { ...FULL_DELETION.file, path } }));
  const chunk = Buffer.from(`${lines.map((line) => `${line}\n`).join('')}rest of the buffer`);
  page.offer(chunk, chunk.length - 'rest of the buffer'.length, paths.length);
  // It is the caller's again.
  chunk.fill(0);
}

const now = (deletions = 0) => countersNow({ 'app-data': deletions });

const work = () => threads.at(-1)!.work();
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('the streams of the page', () => {
  it('get the rows that match their conditions', async () => {
    const page = newPage();
    const all = join(page);
    const some = join(page, 'path=**/*.db');
    offer(page, '/srv/a.db', '/srv/b.txt');
    work();
    await settle();
    expect(all.paths).toEqual(['/srv/a.db', '/srv/b.txt']);
    expect(some.paths).toEqual(['/srv/a.db']);
    expect(all.events('hello')).toEqual([{ host: 'web-3', streams: 16 }]);
    expect(all.text).toMatch(/^retry: 1000\n/);
  });

  it('get lines about the record when they ask for all, and losses in any case', async () => {
    const page = newPage();
    const all = join(page);
    const some = join(page, 'path=/srv');
    const line = (kind: string, message: string, dataset = 'rmwatch.daemon') =>
      JSON.stringify({ '@timestamp': FULL_DELETION['@timestamp'], event: { kind, action: 'x', dataset }, message });
    page.notice(line('event', 'started'));
    page.notice(line('pipeline_error', 'lost'));
    page.notice(line('event', 'arguments', 'rmwatch.process'));
    page.notice('no line of rmwatch');
    work();
    await settle();
    expect(all.paths).toEqual(['started', 'lost']);
    expect(some.paths).toEqual(['lost']);
  });

  it('get the state of each second, with rates and the most frequent', async () => {
    const page = newPage();
    const reader = join(page);
    offer(page, '/srv/a', '/srv/b');
    page.tell(now(2));
    // The thread has not answered yet.
    page.tell(now(3));
    work();
    page.tell(now(12));
    work();
    await settle();
    const [first, second, ...more] = reader.events('state');
    expect(more).toEqual([]);
    expect(first).toMatchObject({
      ...{ attach: 'kprobe', symbol: 'do_unlinkat', state: 'ready', watchCount: 1, listsLost: 0 },
      ledger: { seen: 16, filtered: 4, lost: 3, delivered: 2, folded: 7, queued: 6 },
      lists: {
        process: [{ key: '/usr/bin/rm', count: 2, error: 0, freedBytes: 8192 }],
        user: [{ key: 'root', count: 2 }],
        directory: [{ key: '/var/lib/app', count: 2 }],
      },
    });
    expect(first.watches[0]).toMatchObject({ name: 'app-data', deletions: 3, freedBytes: 5 });
    expect(first.watches[0].history.at(-1)).toBe(0);
    expect(second.watches[0].history.at(-1)).toBeGreaterThan(0);
  });

  it('are at most so many, and make room when one ends', async () => {
    const page = newPage({ streams: 2 });
    const [first] = [join(page), join(page)];
    const { value: nothing } = givenConditions(new URLSearchParams()) as { value: never };
    expect(page.reserve(nothing, undefined)).toBeUndefined();
    first!.out.destroy();
    await waitUntil('it is gone', () => page.streamCount === 1);
    // One that has gone before it was opened takes no place.
    const gone = new PassThrough().destroy();
    page.reserve(nothing, undefined)!.open(gone);
    expect(page.streamCount).toBe(1);
    expect(threads).toHaveLength(1);
  });

  it('need a thread while there is one and a little longer, and count in it from its first', async () => {
    const page = newPage({ lingerMs: 50 });
    offer(page, '/srv/unseen');
    page.notice('{}');
    page.tell(now());
    expect(threads).toHaveLength(0);
    expect(page.counts).toBe(false);
    const reader = join(page);
    expect(threads).toHaveLength(1);
    expect(page.counts).toBe(true);
    reader.out.destroy();
    await waitUntil('it has ended', () => threads[0]!.terminated);
    expect(page.counts).toBe(false);
    const other = join(page);
    offer(page, '/srv/seen');
    work();
    await settle();
    expect(threads).toHaveLength(2);
    expect(other.paths).toEqual(['/srv/seen']);
  });

  it('keep what is counted when another filter takes the place of one', async () => {
    const page = newPage();
    const before = join(page);
    offer(page, '/srv/a');
    before.out.destroy();
    await waitUntil('it is gone', () => page.streamCount === 0);
    offer(page, '/srv/b');
    const after = join(page, 'path=/none');
    page.tell(now());
    work();
    await settle();
    expect(threads).toHaveLength(1);
    expect(after.events('state')[0].lists.user).toEqual([expect.objectContaining({ key: 'root', count: 2 })]);
    expect(after.paths).toEqual([]);
  });

  it('lose lines of their own when they do not read', async () => {
    const page = newPage({ waitingBytes: 4096 });
    const stopped = join(page, '', { stopped: true });
    const other = join(page);
    for (let i = 0; i < 100; i++) {
      offer(page, `/srv/${i}`);
      work();
    }
    await settle();
    expect(stopped.out.writableLength).toBeLessThanOrEqual(4096);
    expect(other.paths).toHaveLength(100);
    page.tell(now());
    work();
    await settle();
    expect(other.events('missed')).toEqual([]);
  });

  it('are told once what they have lost, because the thread or the browser takes no more', async () => {
    const page = newPage({ threadBytes: 4096 });
    const reader = join(page);
    for (let i = 0; i < 10; i++) offer(page, `/srv/${i}`);
    work();
    offer(page, '/srv/again');
    work();
    page.tell(now());
    work();
    page.tell(now());
    work();
    await settle();
    const { paths } = reader;
    expect(paths.at(-1)).toBe('/srv/again');
    expect(paths.length).toBeLessThan(11);
    expect(reader.events('missed')).toEqual([{ lines: 11 - paths.length }]);
    expect(reader.events('state').at(-1).listsLost).toBe(11 - paths.length);
  });

  it('are shown so many rows a second, and told of the others', async () => {
    const page = newPage();
    const reader = join(page);
    const paths = Array.from({ length: ROWS_PER_SECOND + 20 }, (_, i) => `/srv/${i}`);
    offer(page, ...paths);
    work();
    page.tell(now());
    work();
    offer(page, '/srv/next');
    work();
    await settle();
    expect(reader.paths).toEqual([...paths.slice(0, ROWS_PER_SECOND), '/srv/next']);
    expect(reader.events('missed')).toEqual([{ lines: 20 }]);
  });

  it('tell one that comes back what it has missed', async () => {
    const page = newPage();
    const reader = join(page);
    offer(page, '/srv/a');
    work();
    await settle();
    const { lastId } = reader;
    offer(page, '/srv/b', '/srv/c');
    const again = join(page, '', { lastId });
    const other = join(newPage(), '', { lastId });
    const foreign = join(page, '', { lastId: 'x'.repeat(20) });
    await settle();
    expect(again.events('hello')).toEqual([expect.objectContaining({ before: 2 })]);
    expect(other.events('hello')).toEqual([expect.objectContaining({ before: 'restart' })]);
    expect(foreign.events('hello')[0]).not.toHaveProperty('before');
  });

  it('end with the thread, and the next one has another', async () => {
    const page = newPage();
    const reader = join(page);
    threads[0]!.emit('error', new Error('out of memory'));
    expect(problems.map(({ message }) => message)).toEqual(['out of memory']);
    await waitUntil('it has ended', () => reader.out.writableFinished);
    reader.out.destroy();
    await waitUntil('it is gone', () => page.streamCount === 0);
    const next = join(page);
    offer(page, '/srv/a');
    work();
    await settle();
    expect(next.paths).toEqual(['/srv/a']);
    // What an old thread says or does is of no interest.
    threads[0]!.emit('error', new Error('again'));
    threads[0]!.emit('message', { kind: 'state', text: 'old' });
    expect(problems).toHaveLength(1);
    page.endStreams();
    await waitUntil('it has ended', () => next.out.writableEnded);
    offer(page, '/srv/late');
    work();
    await settle();
    expect(next.text).not.toContain('late');
  });
});
