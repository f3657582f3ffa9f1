/** How much is measured. */

export type Filesystem = 'tmpfs' | 'ext4';

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly filesystem: Filesystem;
  readonly kind: 'loop' | 'tree';
  readonly files: number;
  /** loop: how many processes; tree: files of a directory. */
  readonly last: number;
}

/** What can be left out. */
export const PARTS = ['rounds', 'kernel', 'calls', 'idle', 'memory', 'search'] as const;
export type Part = (typeof PARTS)[number];

interface Sizes {
  readonly rounds: number;
  readonly files: number;
  readonly ext4Files: number;
  /** System calls that delete nothing, of each round. */
  readonly otherCalls: number;
  readonly idleSeconds: number;
  readonly longRunFiles: number;
  /** How many watches "many watches" are. */
  readonly watches: number;
  /** Lines of the log that is searched. */
  readonly searchLines: number;
}

/** Plain data: a guest gets it as a file. */
export interface Plan extends Sizes {
  readonly warmUp: Workload;
  readonly workloads: readonly Workload[];
  /** Only listeners whose name contains one of these. */
  readonly listeners?: readonly string[] | undefined;
  readonly skip: readonly Part[];
  /** Attach modes that are measured; all that work, when absent. */
  readonly modes?: readonly string[] | undefined;
  /** A listener is at rest when it was for so long. */
  readonly quietMs: number;
}

const FULL: Sizes = {
  rounds: 9,
  files: 200_000,
  ext4Files: 100_000,
  otherCalls: 20_000_000,
  idleSeconds: 30,
  longRunFiles: 10_000_000,
  watches: 10_000,
  searchLines: 200_000,
};
const QUICK: Sizes = {
  rounds: 3,
  files: 20_000,
  ext4Files: 10_000,
  otherCalls: 2_000_000,
  idleSeconds: 5,
  longRunFiles: 200_000,
  watches: 10_000,
  searchLines: 40_000,
};
/** Emulation is some thirty times slower. A search needs no other kernel. */
const GUEST: Sizes = {
  rounds: 5,
  files: 10_000,
  ext4Files: 5_000,
  otherCalls: 1_000_000,
  idleSeconds: 10,
  longRunFiles: 0,
  watches: 10_000,
  searchLines: 0,
};
const GUEST_QUICK: Sizes = {
  rounds: 1,
  files: 2_000,
  ext4Files: 1_000,
  otherCalls: 100_000,
  idleSeconds: 2,
  longRunFiles: 0,
  watches: 1_000,
  searchLines: 0,
};

/** Deleted before anything is measured: a daemon in JavaScript, and all of a guest, is compiled while it runs. */
const WARM_UP_FILES = 100_000;
const TREE_FILES_PER_DIRECTORY = 1_000;

function loop(name: string, filesystem: Filesystem, what: string, files: number, last: number): Workload {
  return { name, title: `${what}, ${filesystem}`, filesystem, kind: 'loop', files, last };
}

function workloads({ files, ext4Files }: Pick<Sizes, 'files' | 'ext4Files'>): Workload[] {
  const last = Math.min(TREE_FILES_PER_DIRECTORY, files);
  return [
    loop('tmpfs', 'tmpfs', 'unlink loop on one CPU', files, 1),
    loop('ext4', 'ext4', 'unlink loop on one CPU', ext4Files, 1),
    { name: 'tree', title: '`rm -rf` of a tree, tmpfs', filesystem: 'tmpfs', kind: 'tree', files, last },
    loop('two', 'tmpfs', '2 processes at once', files, 2),
    loop('eight', 'tmpfs', '8 processes at once', files, 8),
  ];
}

/** What a workload can be called in the options. */
export const WORKLOAD_NAMES = workloads(QUICK).map(({ name }) => name);

function containsOneOf(name: string, parts: readonly string[] | undefined): boolean {
  return parts === undefined || parts.some((part) => name.includes(part));
}

/** What a user may ask for. */
export interface PlanOptions {
  readonly quick: boolean;
  readonly rounds?: number | undefined;
  readonly files?: number | undefined;
  readonly listeners?: readonly string[] | undefined;
  readonly workloads?: readonly string[] | undefined;
  readonly skip: readonly Part[];
}

/** What the options ask for, on the machine itself or in a guest. */
export function planFor(options: PlanOptions, where: 'host' | 'guest'): Plan {
  const sizes = where === 'guest' ? (options.quick ? GUEST_QUICK : GUEST) : options.quick ? QUICK : FULL;
  const files = options.files ?? sizes.files;
  const ext4Files = options.files ?? sizes.ext4Files;
  return {
    ...sizes,
    files,
    ext4Files,
    warmUp: loop('warm-up', 'tmpfs', 'warm-up', Math.min(files, WARM_UP_FILES), 1),
    rounds: options.rounds ?? sizes.rounds,
    workloads: workloads({ files, ext4Files }).filter(({ name }) => containsOneOf(name, options.workloads)),
    searchLines: where === 'guest' ? 0 : (options.files ?? sizes.searchLines),
    listeners: options.listeners,
    skip: options.skip,
    // Tracepoints can be had on every machine itself.
    modes: where === 'guest' ? ['kprobe', 'fentry'] : undefined,
    // In emulation a listener may sit still for long and yet not be done.
    quietMs: where === 'guest' ? 2_000 : 300,
  };
}

export function isWanted(name: string, plan: Plan): boolean {
  return name === 'nobody' || containsOneOf(name, plan.listeners);
}
