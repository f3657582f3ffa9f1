import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { MountTable } from '../../../src/host/mount-table.js';
import { countsOf } from '../../../src/metrics/watch-counters.js';
import { OPERATIONS, type WatchConfig } from '../../../src/model/config.js';
import { atOnce } from '../../../src/model/steps.js';
import type { FilterGeneration } from '../../../src/pipeline/pipeline.js';
import type { NativeFilter, TabledFilter } from '../../../src/probe/native-probe.js';
import { planSteps } from '../../../src/service/watch-plan.js';
import { type FilteredProbe, WatchState, type WatchTarget } from '../../../src/service/watch-state.js';

const SETTLED_MS = 50;

function watch(name: string): WatchConfig {
  return {
    name,
    include: [`/${name}/**`],
    exclude: [],
    view: 'host',
    operations: OPERATIONS,
    caseInsensitive: false,
    fold: false,
    failures: false,
    ignore: { processes: [], ownedByRoot: false, users: [], effectiveUsers: [] },
    log: true,
  };
}

/** The kernel and the pipeline, as far as the watches see them. */
class Target implements WatchTarget {
  readonly filters: (NativeFilter | TabledFilter)[] = [];
  readonly used: [number, FilterGeneration][] = [];
  /** By number, the prefixes of the tables that are not dropped. */
  readonly tables = new Map<number, string[]>();
  refuses = false;
  private made = 0;

  readonly probe: FilteredProbe = {
    setFilter: (filter) => {
      if (this.refuses) throw new Error('no room for the filter');
      expect([...this.tables.keys()]).toContain(filter.prefixes);
      return this.filters.push(filter);
    },
    newPrefixes: () => {
      this.tables.set(++this.made, []);
      return this.made;
    },
    addPrefixes: (table, prefixes) =>
      void this.tables.get(table)!.push(...prefixes.map(([prefix]) => prefix.toString('latin1'))),
    dropPrefixes: (table) => void this.tables.delete(table),
  };

  use(generation: number, judgedBy: FilterGeneration): void {
    this.used.push([generation, judgedBy]);
  }
}

const mountsOn = (...devices: number[]) =>
  new MountTable(devices.map((device) => ({ id: device, device, root: '', mountPoint: `/mnt/${device}` })));

let mounts: MountTable | Error;
let reads: number;
let changed: boolean;
let onRead: () => void;
let notify: () => void;
let problems: string[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  mounts = mountsOn(1);
  reads = 0;
  changed = false;
  onRead = () => {};
  problems = [];
});
afterEach(() => {
  vi.useRealTimers();
});

const planOf = (names: string[], state?: WatchState) =>
  atOnce(planSteps(names.map(watch), state?.plan, () => undefined));

function open(...names: string[]): WatchState {
  return new WatchState(planOf(names), {
    readMounts: () => {
      reads += 1;
      onRead();
      if (mounts instanceof Error) throw mounts;
      return mounts;
    },
    watchMounts: (onChange) => {
      notify = onChange;
      return {
        changed: () => {
          const was = changed;
          changed = false;
          return was;
        },
        close: () => {},
      };
    },
    onProblem: (message) => problems.push(message),
  });
}

it('puts a plan in force whole: in the kernel, then in the pipeline', () => {
  const state = open('a');
  const target = new Target();
  atOnce(state.bind(target));
  const plan = planOf(['a', 'b'], state);
  atOnce(state.adopt(plan));
  expect(target.used.map(([generation, { filter }]) => [generation, filter === plan.filter])).toEqual([
    [1, false],
    [2, true],
  ]);
  expect(state.plan).toBe(plan);
});

it('changes nothing when the kernel refuses: the counters that are published go on counting', () => {
  const state = open('db', 'tmp');
  const target = new Target();
  atOnce(state.bind(target));
  const [, judgedBy] = target.used[0]!;
  judgedBy.filter.counters[0]!.totals.deletions.unlink = 2;
  const before = state.plan;

  target.refuses = true;
  for (const names of [['tmp'], ['other'], ['tmp', 'db']]) {
    expect(() => atOnce(state.adopt(planOf(names, state)))).toThrow('no room for the filter');
  }
  expect(state.plan).toBe(before);
  expect(target.used).toHaveLength(1);
  judgedBy.filter.counters[0]!.totals.deletions.unlink += 1;
  expect(countsOf(state.plan.counters).map(({ name, deletions }) => [name, deletions.unlink])).toEqual([
    ['db', 3],
    ['tmp', 0],
  ]);

  target.refuses = false;
  atOnce(state.adopt(planOf(['tmp', 'db'], state)));
  expect(countsOf(state.plan.counters).map(({ name, deletions }) => [name, deletions.unlink])).toEqual([
    ['tmp', 0],
    ['db', 3],
  ]);
});

it('fills the table of a plan step by step, keeps it while only mounts change, and drops it with the plan', () => {
  const state = open(...Array.from({ length: 500 }, (_, index) => `d${index}`));
  const target = new Target();
  atOnce(state.bind(target));
  state.follow(() => {});
  expect([...target.tables]).toEqual([[1, expect.objectContaining({ length: 1_000 })]]);
  mounts = mountsOn(1, 2);
  notify();
  vi.advanceTimersByTime(SETTLED_MS);
  expect(target.filters.map(({ prefixes }) => prefixes)).toEqual([1, 1]);

  const names = Array.from({ length: 300 }, (_, index) => `e${index}`);
  const steps = state.adopt(planOf(names, state));
  steps.next();
  expect(target.tables.get(2)!.length).toBeLessThan(200);
  // Mounts that change meanwhile are those of the new plan, too.
  mounts = mountsOn(3);
  notify();
  vi.advanceTimersByTime(SETTLED_MS);
  expect(target.filters.map(({ prefixes }) => prefixes)).toEqual([1, 1, 1]);
  atOnce(steps);
  expect(target.filters.map(({ prefixes }) => prefixes)).toEqual([1, 1, 1, 2]);
  expect(target.used.at(-1)![1]).toEqual({ filter: state.plan.filter, mounts });
  expect([...target.tables]).toEqual([[2, names.flatMap((name) => [`/${name}\0`, `/${name}/`]).sort()]]);

  target.refuses = true;
  expect(() => atOnce(state.adopt(planOf(['f'], state)))).toThrow('no room');
  expect([...target.tables.keys()]).toEqual([2]);
});

/** Each look at the clock finds that a slice is over. */
function slowClock() {
  let ms = 0;
  return vi.spyOn(performance, 'now').mockImplementation(() => (ms += 20));
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

it('makes the filter of changed mounts step by step, and puts it in force as a whole', async () => {
  const state = open('a');
  const target = new Target();
  atOnce(state.bind(target));
  let taken = 0;
  state.follow(() => {
    taken += 1;
  });
  vi.advanceTimersByTime(SETTLED_MS);
  const clock = slowClock();
  mounts = mountsOn(...Array.from({ length: 20 }, (_, device) => device));
  notify();
  vi.runOnlyPendingTimers();
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  expect([target.filters.length, taken, state.followsMounts]).toEqual([1, 0, false]);
  // Another change meanwhile is taken over after this one.
  const before = mounts;
  mounts = mountsOn(7);
  notify();
  for (let turn = 0; turn < 100; turn++) await nextTurn();
  expect([target.used.length, target.used.at(-1)![1].mounts === before, taken]).toEqual([2, true, 1]);
  vi.runOnlyPendingTimers();
  for (let turn = 0; turn < 100; turn++) await nextTurn();
  expect([target.used.length, target.used.at(-1)![1].mounts === mounts, taken]).toEqual([3, true, 2]);
  clock.mockRestore();
});

it('judges by the newest mounts and the newest plan when both change at once', async () => {
  const state = open('a');
  const target = new Target();
  atOnce(state.bind(target));
  state.follow(() => {});
  vi.advanceTimersByTime(SETTLED_MS);
  const clock = slowClock();
  mounts = mountsOn(...Array.from({ length: 20 }, (_, device) => device));
  notify();
  vi.runOnlyPendingTimers();
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  // A plan comes in between: the filter that is being made is made again for it.
  atOnce(state.adopt(planOf(['mnt'], state)));
  for (let turn = 0; turn < 200; turn++) await nextTurn();
  const { filter, mounts: used } = target.used.at(-1)![1];
  expect([filter === state.plan.filter, used === mounts]).toEqual([true, true]);
  expect(target.filters.at(-1)!.devices.filter(([, wanted]) => wanted !== 0)).toHaveLength(20);
  // The other way round: mounts come while a plan is filled.
  const steps = state.adopt(planOf(['c'], state));
  for (let step = 0; step < 10; step++) steps.next();
  mounts = mountsOn(3, 4);
  notify();
  vi.runOnlyPendingTimers();
  for (let turn = 0; turn < 100; turn++) await nextTurn();
  atOnce(steps);
  expect(target.used.at(-1)![1]).toEqual({ filter: state.plan.filter, mounts });
  expect(target.filters.at(-1)!.devices).toHaveLength(2);
  clock.mockRestore();
});

it('ends what it is about to put in force when it is closed', async () => {
  const state = open('a');
  const target = new Target();
  atOnce(state.bind(target));
  state.follow(() => {});
  vi.advanceTimersByTime(SETTLED_MS);
  const clock = slowClock();
  mounts = mountsOn(...Array.from({ length: 20 }, (_, device) => device));
  notify();
  vi.runOnlyPendingTimers();
  await nextTurn();
  state.close();
  for (let turn = 0; turn < 100; turn++) await nextTurn();
  expect([target.filters.length, vi.getTimerCount()]).toEqual([1, 0]);
  clock.mockRestore();
});

it('puts no plan in force that is filled when it is closed', () => {
  const state = open('a');
  const target = new Target();
  atOnce(state.bind(target));
  const steps = state.adopt(planOf(['b'], state));
  steps.next();
  state.close();
  atOnce(steps);
  expect([target.filters.length, target.used.length]).toEqual([1, 1]);
});

it('puts nothing in force while a record asks for the mounts of an unknown device, but soon after it', () => {
  const state = open('a');
  const target = new Target();
  atOnce(state.bind(target));
  state.follow(() => {});
  mounts = mountsOn(1, 5);
  changed = true;
  expect(state.mountsFor(5)).toBe(mounts);
  expect([target.filters.length, target.used.length, reads]).toEqual([1, 1, 2]);
  expect(state.mountsNow()).toBe(mounts);
  vi.advanceTimersByTime(SETTLED_MS);
  expect(target.used.map(([generation, judgedBy]) => [generation, judgedBy.mounts === mounts])).toEqual([
    [1, false],
    [2, true],
  ]);
});

it('reads the mounts for no device that the host does not mount, unless they changed', () => {
  const state = open('a');
  const target = new Target();
  atOnce(state.bind(target));
  state.follow(() => {});
  // What changed before they were followed.
  state.mountsFor(6);
  expect(reads).toBe(2);
  for (let device = 7; device < 1_507; device++) state.mountsFor(device);
  vi.advanceTimersByTime(SETTLED_MS);
  expect([reads, target.filters.length]).toEqual([2, 1]);
  changed = true;
  for (let device = 7; device < 1_507; device++) state.mountsFor(device);
  expect(reads).toBe(3);
});

it('reads the mounts once a second at the most for unknown devices where changes are not told', () => {
  const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
  const state = open('a');
  atOnce(state.bind(new Target()));
  mounts = mountsOn(1, 7);
  clock.mockReturnValue(999);
  state.mountsFor(7);
  expect(reads).toBe(1);
  clock.mockReturnValue(1_000);
  expect(state.mountsFor(7)).toBe(mounts);
  expect(reads).toBe(2);
  clock.mockRestore();
});

it('gives the kernel no other filter when the mounts are the same', () => {
  const state = open('a');
  const target = new Target();
  let taken = 0;
  atOnce(state.bind(target));
  state.follow(() => {
    taken += 1;
  });
  notify();
  notify();
  vi.advanceTimersByTime(SETTLED_MS);
  expect([reads, target.filters.length, taken]).toEqual([2, 1, 1]);
  mounts = mountsOn(1, 2);
  notify();
  vi.advanceTimersByTime(SETTLED_MS);
  expect([reads, target.filters.length, taken]).toEqual([3, 2, 2]);
});

it('reads mounts that change all the time for a tenth of the time, and lets pass meanwhile what could be wanted', () => {
  const clock = vi.spyOn(performance, 'now');
  let ms = 0;
  clock.mockImplementation(() => ms);
  const state = open('a');
  atOnce(state.bind(new Target()));
  state.follow(() => {});
  const before = reads;
  onRead = () => {
    ms += 25;
  };
  let unknown = 0;
  for (; ms < 10_000; ms += 5) {
    changed = true;
    if (state.mountsFor(9) === 'unknown') unknown += 1;
  }
  const readingMs = (reads - before) * 25;
  expect(readingMs).toBeGreaterThan(500);
  expect(readingMs).toBeLessThan(1_000 + 200 + 25);
  expect(unknown).toBeGreaterThan(1_000);
  clock.mockRestore();
});

it('keeps what is in force when the kernel refuses the renewed filter', () => {
  const state = open('a');
  const target = new Target();
  atOnce(state.bind(target));
  state.follow(() => {});
  target.refuses = true;
  mounts = mountsOn(2);
  notify();
  vi.advanceTimersByTime(SETTLED_MS);
  expect(problems).toEqual(["cannot renew the kernel's filter: no room for the filter"]);
  expect(target.used).toHaveLength(1);
  // What was read is still the newest, and the next renewal puts it in force.
  expect(state.mountsNow()).toBe(mounts);
});

it('does without mounts that cannot be read, and reads them again when they change', () => {
  mounts = new Error('EACCES');
  const state = open('a');
  const target = new Target();
  atOnce(state.bind(target));
  state.follow(() => {});
  expect([state.mountsFor(1), problems.length]).toEqual(['unknown', 1]);
  expect(state.unfiltered).toContain('the mounts of this host are not known');
  mounts = mountsOn(1);
  changed = true;
  expect(state.mountsNow()).toBe(mounts);
});

it('puts nothing in force once it is closed', () => {
  const state = open('a');
  const target = new Target();
  atOnce(state.bind(target));
  state.follow(() => {});
  notify();
  state.close();
  vi.advanceTimersByTime(10 * SETTLED_MS);
  expect([target.filters.length, vi.getTimerCount()]).toEqual([1, 0]);
});

it('says that deletions may go unseen while the kernel refuses the filter, and tries again', () => {
  const state = open('a');
  const target = new Target();
  atOnce(state.bind(target));
  state.follow(() => {});
  target.refuses = true;
  mounts = mountsOn(2);
  notify();
  vi.advanceTimersByTime(SETTLED_MS);
  expect(state.unseen).toBe("the kernel's filter is out of date: no room for the filter");
  target.refuses = false;
  vi.advanceTimersByTime(5_000);
  expect([state.unseen, target.used.length]).toEqual([undefined, 2]);
});

it('lets everything pass that could be wanted while the mounts of the host are not known', () => {
  mounts = new Error('hidden');
  const state = open('a');
  const target = new Target();
  atOnce(state.bind(target, true));
  expect(target.filters[0]).toMatchObject({ devices: [], mounts: [[2 ** 32 - 1, 0]] });
  expect(target.used[0]![1].mounts).toBe('unknown');
  mounts = mountsOn(1);
  vi.advanceTimersByTime(5_000);
  expect([state.unfiltered, target.used[1]![1].mounts]).toEqual([undefined, mounts]);
});

it('follows the mounts again when the filter of the newest ones is in force, whoever hears of a change first', () => {
  const state = open('a');
  expect(state.followsMounts).toBeUndefined();
  atOnce(state.bind(new Target()));
  state.follow(() => {});
  // They may have changed between the first reading and this moment.
  expect(state.followsMounts).toBe(false);
  vi.advanceTimersByTime(SETTLED_MS);
  expect(state.followsMounts).toBe(true);
  // The news waits on the event loop, and the question comes first.
  changed = true;
  expect([state.followsMounts, state.followsMounts]).toEqual([false, false]);
  notify();
  vi.advanceTimersByTime(SETTLED_MS - 1);
  expect(state.followsMounts).toBe(false);
  vi.advanceTimersByTime(1);
  expect(state.followsMounts).toBe(true);
  // The other way round: what was told and renewed is not a change once more.
  notify();
  changed = true;
  expect(state.followsMounts).toBe(false);
  vi.advanceTimersByTime(SETTLED_MS);
  expect(state.followsMounts).toBe(true);
});

it('does not follow the mounts while the kernel refuses their filter, or while they are not known', () => {
  const state = open('a');
  const target = new Target();
  atOnce(state.bind(target));
  state.follow(() => {});
  target.refuses = true;
  mounts = mountsOn(1);
  notify();
  vi.advanceTimersByTime(SETTLED_MS);
  expect(state.followsMounts).toBe(false);
  target.refuses = false;
  mounts = new Error('EACCES');
  vi.advanceTimersByTime(5_000);
  expect(state.followsMounts).toBe(false);
  mounts = mountsOn(1);
  vi.advanceTimersByTime(5_000);
  expect(state.followsMounts).toBe(true);
});
