/** How much is measured. */

const FULL = {
  rounds: 9,
  files: 200_000,
  ext4Files: 100_000,
  idleSeconds: 30,
  longRunFiles: 10_000_000,
  watches: 10_000,
};
const QUICK = { rounds: 3, files: 20_000, ext4Files: 10_000, idleSeconds: 5, longRunFiles: 200_000, watches: 10_000 };
/** Emulation is some thirty times slower. */
const GUEST = { rounds: 5, files: 10_000, ext4Files: 5_000, idleSeconds: 10, longRunFiles: 0, watches: 10_000 };
const GUEST_QUICK = { rounds: 1, files: 2_000, ext4Files: 1_000, idleSeconds: 2, longRunFiles: 0, watches: 1_000 };

/** Deleted before anything is measured: a daemon in JavaScript, and all of a guest, is compiled while it runs. */
const WARM_UP_FILES = 100_000;
const TREE_FILES_PER_DIRECTORY = 1_000;

function workloads({ files, ext4Files }) {
  const per = Math.min(TREE_FILES_PER_DIRECTORY, files);
  return [
    { name: 'tmpfs', title: 'unlink loop on one CPU, tmpfs', filesystem: 'tmpfs', kind: 'loop', files, last: 1 },
    {
      name: 'ext4',
      title: 'unlink loop on one CPU, ext4',
      filesystem: 'ext4',
      kind: 'loop',
      files: ext4Files,
      last: 1,
    },
    { name: 'tree', title: '`rm -rf` of a tree, tmpfs', filesystem: 'tmpfs', kind: 'tree', files, last: per },
    { name: 'two', title: '2 processes at once, tmpfs', filesystem: 'tmpfs', kind: 'loop', files, last: 2 },
    { name: 'eight', title: '8 processes at once, tmpfs', filesystem: 'tmpfs', kind: 'loop', files, last: 8 },
  ];
}

/** What a workload can be called in the options. */
export const WORKLOAD_NAMES = workloads(QUICK).map(({ name }) => name);

const containsOneOf = (name, parts) => parts === undefined || parts.some((part) => name.includes(part));

/** What the options ask for, on the machine itself or in a guest. */
export function planFor(options, where) {
  const sizes = where === 'guest' ? (options.quick ? GUEST_QUICK : GUEST) : options.quick ? QUICK : FULL;
  const files = options.files ?? sizes.files;
  const ext4Files = options.files ?? sizes.ext4Files;
  return {
    ...sizes,
    warmUp: {
      name: 'warm-up',
      title: 'warm-up',
      filesystem: 'tmpfs',
      kind: 'loop',
      files: Math.min(files, WARM_UP_FILES),
      last: 1,
    },
    rounds: options.rounds ?? sizes.rounds,
    workloads: workloads({ files, ext4Files }).filter(({ name }) => containsOneOf(name, options.workloads)),
    listeners: options.listeners,
    skip: options.skip,
    // Tracepoints can be had on every machine itself.
    modes: where === 'guest' ? ['kprobe', 'fentry'] : undefined,
    // In emulation a listener may sit still for long and yet not be done.
    quietMs: where === 'guest' ? 2_000 : 300,
  };
}

export function isWanted(name, plan) {
  return name === 'nobody' || containsOneOf(name, plan.listeners);
}
