import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Diagnostics } from '../../../src/diagnostics/diagnostics.js';
import { LineBuffer } from '../../../src/event/line-buffer.js';
import { MountTable } from '../../../src/host/mount-table.js';
import { type AttachMode, type Config, OPERATIONS } from '../../../src/model/config.js';
import type { Steps } from '../../../src/model/steps.js';
import type { EventWriter } from '../../../src/output/event-writer.js';
import type { NativeProbe } from '../../../src/probe/native-probe.js';
import type { OpenedProbe } from '../../../src/probe/open-probe.js';
import { Daemon } from '../../../src/service/daemon.js';
import { openRuntime } from '../../../src/service/runtime.js';
import type { RuntimeParts } from '../../../src/service/runtime-parts.js';
import { ServiceStatus } from '../../../src/service/service-status.js';

function configOf(name: string): Config {
  const watch = {
    name,
    include: ['/**'],
    exclude: [],
    view: 'host',
    caseInsensitive: false,
    fold: false,
    operations: OPERATIONS,
    failures: false,
  } as const;
  return {
    watches: [{ ...watch, ignore: { processes: [], ownedByRoot: false, users: [], effectiveUsers: [] }, log: true }],
    probe: { attach: 'auto', ringBufferBytes: 1 << 16 },
    log: {
      ...{ output: '/log', maxBytes: Number.POSITIVE_INFINITY, keep: 14, format: 'json', level: 'info' },
      ...{ processArgsBytes: 512, commandLine: false, redact: [] },
    },
    http: { listen: { kind: 'off' }, webConfigFile: undefined, page: false, pageHosts: [] },
    socket: { path: undefined },
    bursts: { threshold: 1000, windowSeconds: 10 },
    selfTest: { intervalMs: 60_000 },
  };
}

/** The moments at which a signal can arrive: whenever the daemon waits for one of its parts. */
const MOMENTS = [
  'event socket',
  'look-ups',
  'http',
  'self-test',
  'readConfig',
  'flush',
  'http closes',
  'self-test closes',
] as const;
type Moment = (typeof MOMENTS)[number];

const PARTS = [
  'next socket',
  'event socket',
  'output',
  'probe',
  'mounts',
  'http',
  'self-test',
  'filter',
  'reopen',
  'flush',
  'http closes',
] as const;
type Part = (typeof PARTS)[number];

/** A host whose parts record what happens to them, fail on demand, and let the test act while they are waited for. */
class Host {
  /** What is open, in the order of its opening. */
  readonly open: string[] = [];
  readonly mistakes: string[] = [];
  readonly messages: string[] = [];
  readonly systemd: string[] = [];
  /** Each path that the event socket was to go to, and what became of it. */
  readonly socketChanges: string[] = [];
  /** Failing parts. */
  /** How often the returns of renames could not be hooked. */
  tries = 0;
  readonly failing = new Set<Part | 'filesystems'>();
  readonly at = new Map<Moment, () => void>();
  /** What the kernel's filter was made of last, by the name of the watch. */
  watching: string | undefined;
  file = configOf('first');
  http: { ready(): boolean } | undefined;
  readonly daemon: Daemon;
  private readonly config = this.file;

  constructor() {
    const log = (message: unknown, text?: string) => void this.messages.push(text ?? String(message));
    const diagnostics = { debug() {}, info: log, warn: log, error: log, fatal: log } as unknown as Diagnostics;
    const parts = this.parts(diagnostics);
    const note = (what: string) => () => void this.systemd.push(what);
    const status = new ServiceStatus({
      ready: note('READY'),
      status: note('STATUS'),
      reloading: note('RELOADING'),
      stopping: note('STOPPING'),
      startWatchdog: () => {},
    });
    this.daemon = new Daemon({
      diagnostics,
      status,
      open: (signal, onFailure) => {
        const opening = openRuntime(this.config, parts, signal, { status, onFailure });
        // Before the daemon itself hears of it.
        void opening.then(
          () => this.onOpened(),
          () => {},
        );
        return opening;
      },
      readConfig: async () => {
        await this.moment('readConfig');
        return this.file;
      },
    });
  }

  /** Runs when the runtime is open, before the daemon knows. */
  onOpened = (): void => {};

  /** Gives the test its turn, and the event loop some. */
  async moment(moment: Moment): Promise<void> {
    await Promise.resolve();
    const act = this.at.get(moment);
    this.at.delete(moment);
    act?.();
    for (let turn = 0; turn < 3; turn++) await Promise.resolve();
  }

  private fails(part: Part | 'filesystems'): void {
    if (this.failing.has(part)) throw new Error(`${part} fails`);
  }

  private opened(what: string): void {
    if (this.open.includes(what)) this.mistakes.push(`${what} opened twice`);
    this.open.push(what);
  }

  private closed(what: string): void {
    if (this.open.at(-1) !== what) this.mistakes.push(`${what} closed while open: ${this.open}`);
    if (this.open.includes(what)) this.open.splice(this.open.indexOf(what), 1);
  }

  private parts(diagnostics: Diagnostics): RuntimeParts {
    return {
      diagnostics,
      users: { nameOf: () => undefined, refresh: () => {} },
      lookups: {
        look: async () => {
          await this.moment('look-ups');
          return false;
        },
        // biome-ignore lint/correctness/useYield: one step
        *watchesFor(watches) {
          return watches;
        },
        uidOf: () => undefined,
      },
      host: { name: 'h', bootId: undefined },
      build: { version: '1', nodeVersion: 'v20', libbpfVersion: '1' },
      openRunState: undefined,
      openEventSocket: async () => {
        await this.moment('event socket');
        this.fails('event socket');
        this.opened('event socket');
        return {
          ...{ offer: () => {}, notice: () => {}, tell: () => {}, readerCount: 0, lostLines: 0 },
          prepare: async (path) => {
            this.fails('next socket');
            const settle = (outcome: string) => async () => {
              this.socketChanges.push(`${path} ${outcome}`);
            };
            return { commit: settle('kept'), abandon: settle('given up') };
          },
          close: async () => this.closed('event socket'),
        };
      },
      openOutput: () => {
        this.fails('output');
        this.opened('output');
        return {
          writer: this.writer(),
          lines: new LineBuffer(() => {}),
          notice: () => true,
          isJson: true,
          rotation: undefined,
        };
      },
      openProbe: (_config, prepare) => this.openProbe(prepare),
      newSelfTest: () => ({
        run: async () => {
          const passed = { unlink: true, rmdir: true, replace: true, move: true };
          const ok = !this.failing.has('self-test');
          await this.moment('self-test');
          return { ok, passed, problems: [] };
        },
        observe: () => {},
        close: () => this.moment('self-test closes'),
      }),
      serveHttp: async ({ readiness }) => {
        await this.moment('http');
        this.fails('http');
        this.opened('http');
        this.http = { ready: () => readiness().ready };
        return {
          address: 'http://h',
          update: () => {},
          close: async () => {
            await this.moment('http closes');
            this.closed('http');
            this.fails('http closes');
          },
        };
      },
      findMounts: () => undefined,
      readMounts: () => new MountTable([]),
      watchMounts: () => {
        this.fails('mounts');
        this.opened('mounts');
        return { changed: () => false, close: () => this.closed('mounts') };
      },
      readClocks: () => {},
      errorName: (number) => `E${number}`,
    };
  }

  private writer(): EventWriter {
    return {
      close: () => this.closed('output'),
      reopen: () => {
        if (!this.open.includes('output')) this.mistakes.push('reopened a closed output');
        this.fails('reopen');
      },
      flush: async () => {
        await this.moment('flush');
        return !this.failing.has('flush');
      },
      lookForTarget: () => {},
      backlogBytes: 0,
      nearlyFull: false,
      congested: false,
      lostLines: 0,
      writtenLines: 0,
    } as unknown as EventWriter;
  }

  private *openProbe<T>(prepare: (probe: NativeProbe, mode: AttachMode) => Steps<T>): Steps<OpenedProbe<T>> {
    const probe = this.probe();
    const prepared = yield* prepare(probe, 'kprobe');
    this.fails('probe');
    this.opened('probe');
    const description = {
      variant: 'plain',
      symbol: 's',
      hostMountNamespace: 1,
      programs: [],
      attached: [],
      leftOut: '',
    } as const;
    return { probe, prepared, mode: 'kprobe', description, refusals: [] };
  }

  private probe(): NativeProbe {
    const counters = { seen: 0, filtered: 0, submitted: 0, lostRingFull: 0, lostStateFull: 0, unattributed: [0, 0] };
    const use = <T>(value: T): T => {
      if (!this.open.includes('probe')) this.mistakes.push('used a closed probe');
      return value;
    };
    return {
      ring: () => new ArrayBuffer(1 << 17),
      onReadable: () => {},
      newPrefixes: (count: number) => count,
      addPrefixes: () => {},
      dropPrefixes: () => {},
      setFilter: ({ prefixes }: { prefixes: number }) => {
        this.fails('filter');
        this.watching = String(prefixes);
        return 1;
      },
      arm: () => use(true),
      collect: () => use(0),
      release: () => use(undefined),
      usedBytes: () => 0,
      backlogUsedBytes: () => 0,
      readCounters: () => use(counters),
      missedRuns: () => use(0),
      skippedSuccesses: () => use(0),
      sweepAttempts: () => use(0),
      followFilesystems: () => {
        use(undefined);
        if (this.failing.has('filesystems')) this.tries++;
        this.fails('filesystems');
      },
      detach: () => use(undefined),
      close: () => this.closed('probe'),
    } as unknown as NativeProbe;
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

type Act = 'stop' | 'reload';
const SIGNALS: Act[][] = [
  ['stop'],
  ['reload'],
  ['stop', 'stop'],
  ['stop', 'reload'],
  ['reload', 'stop'],
  ['reload', 'reload'],
];

/** Every order of signals, at every pair of moments, with no part failing and with each of them. */
const INTERLEAVINGS = [undefined, ...PARTS].flatMap((failing) =>
  SIGNALS.flatMap((signals) =>
    MOMENTS.flatMap((first) =>
      (signals.length === 1 ? [first] : MOMENTS).map((second) => ({ failing, signals, moments: [first, second] })),
    ),
  ),
);

async function play({ failing, signals, moments }: (typeof INTERLEAVINGS)[number]): Promise<void> {
  const host = new Host();
  const outcomes: Promise<unknown>[] = [];
  const send = (signal: Act) => void outcomes.push(signal === 'stop' ? host.daemon.stop() : host.daemon.reload());
  if (failing !== undefined && failing !== 'filter') host.failing.add(failing);
  signals.forEach((signal, index) => {
    const moment = moments[index]!;
    const before = host.at.get(moment);
    host.at.set(moment, () => {
      before?.();
      send(signal);
    });
  });
  const startError = await host.daemon.started.then(
    () => undefined,
    (error: Error) => error,
  );
  // From here on the kernel refuses filters, so that only a reload can fail by that.
  if (failing === 'filter') host.failing.add('filter');
  await host.daemon.reload();
  const code = await host.daemon.stop();
  await Promise.all(outcomes);

  expect(host.mistakes).toEqual([]);
  expect(host.open).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
  expect(await host.daemon.stop()).toBe(code);
  expect(host.systemd.filter((message) => message === 'STOPPING')).toHaveLength(1);
  expect(host.systemd.at(-1)).toBe('STOPPING');
  if (startError !== undefined) {
    expect([startError.message, code]).toEqual([`${failing} fails`, 1]);
    expect(host.messages).not.toContain('watching for deletions');
  } else {
    expect(host.messages.at(-1)).toBe('stopped');
    expect(host.messages.filter((message) => message === 'stopped')).toHaveLength(1);
    if (failing === undefined) expect(code).toBe(0);
  }
  expect(host.http?.ready() ?? false).toBe(false);
}

describe('start, reload and stop in any order leave nothing open, close in reverse and end once', () => {
  it.each([undefined, ...PARTS])('with this part failing: %s', async (failing) => {
    const interleavings = INTERLEAVINGS.filter((interleaving) => interleaving.failing === failing);
    expect(interleavings.length).toBeGreaterThan(200);
    for (const interleaving of interleavings) {
      try {
        await play(interleaving);
      } catch (error) {
        throw new Error(`${JSON.stringify(interleaving)}: ${(error as Error).message}`, { cause: error });
      }
    }
  });
});

describe('Daemon', () => {
  it('ends a start at once, with what was open closed, when it is stopped', async () => {
    const host = new Host();
    let code: Promise<number> | undefined;
    host.at.set('http', () => {
      code = host.daemon.stop();
    });
    await host.daemon.started;
    expect(await code).toBe(0);
    expect([host.open, host.mistakes]).toEqual([[], []]);
    expect(host.messages).not.toContain('serving metrics');
  });

  it('stays stopped when the stop comes in the moment in which the start succeeds', async () => {
    const host = new Host();
    host.onOpened = () => void host.daemon.stop();
    await host.daemon.started;
    expect(await host.daemon.stop()).toBe(0);
    // What was closed is not taken for a running daemon.
    await host.daemon.reload();
    expect(host.messages.filter((message) => message === 'stopped')).toHaveLength(1);
    expect(host.messages.at(-1)).toBe('stopped');
    expect([host.open, host.mistakes]).toEqual([[], []]);
  });

  it('says once that the returns of renames cannot be hooked, and goes on', async () => {
    const host = new Host();
    await host.daemon.started;
    host.failing.add('filesystems');
    await vi.advanceTimersByTimeAsync(150_000);
    expect(host.messages.filter((message) => message.includes('on ceph'))).toHaveLength(1);
    expect(host.tries).toBe(3);
    expect(await host.daemon.stop()).toBe(0);
    expect([host.open, host.mistakes]).toEqual([[], []]);
  });

  it('reloads after the start when the signal came during it', async () => {
    const host = new Host();
    host.at.set('self-test', () => {
      host.file = { ...configOf('second'), watches: [...configOf('a').watches, ...configOf('b').watches] };
      void host.daemon.reload();
    });
    await host.daemon.started;
    await host.daemon.reload();
    expect(host.messages.filter((message) => message === 'configuration reloaded').length).toBeGreaterThan(0);
    expect(host.systemd.slice(0, 3)).toEqual(['READY', 'RELOADING', 'READY']);
    await host.daemon.stop();
  });

  it('reads the configuration once more when a signal arrives while it is read, and not more often', async () => {
    const host = new Host();
    await host.daemon.started;
    host.at.set('readConfig', () => {
      for (let signal = 0; signal < 5; signal++) void host.daemon.reload();
    });
    await host.daemon.reload();
    expect(host.messages.filter((message) => message === 'configuration reloaded')).toHaveLength(2);
    await host.daemon.stop();
  });

  it('is ready for systemd with the first self-test that passes', async () => {
    const host = new Host();
    host.failing.add('self-test');
    await host.daemon.started;
    await host.daemon.reload();
    expect(host.systemd).toEqual(['STATUS']);
    host.failing.delete('self-test');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(host.systemd).toEqual(['STATUS', 'READY']);
    expect(host.http?.ready()).toBe(true);
    await host.daemon.stop();
  });

  it('keeps the old configuration when the kernel refuses the new one', async () => {
    const host = new Host();
    await host.daemon.started;
    host.failing.add('filter');
    await host.daemon.reload();
    expect(host.messages).toContain('cannot take over the configuration, the old one stays');
    expect(host.messages).not.toContain('configuration reloaded');
    expect(await host.daemon.stop()).toBe(0);
  });

  it('moves the event socket with a configuration that is taken over, and only then', async () => {
    const host = new Host();
    await host.daemon.started;
    host.file = { ...configOf('second'), socket: { path: '/run/next.sock' } };
    await host.daemon.reload();
    host.failing.add('filter');
    host.file = { ...configOf('third'), socket: { path: '/run/third.sock' } };
    await host.daemon.reload();
    expect(host.socketChanges).toEqual(['/run/next.sock kept', '/run/third.sock given up']);
    host.failing.delete('filter');
    host.failing.add('next socket');
    await host.daemon.reload();
    expect(host.messages.filter((message) => message === 'configuration reloaded')).toHaveLength(1);
    await host.daemon.stop();
  });
});
