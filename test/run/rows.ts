/**
 * The one table of what is tested. `npm test` runs the rows that are marked `quick`; `npm run test:matrix` runs all that
 * `npm test` has not just passed. Every row has a budget, its seconds on two processors with room for a busy machine, and
 * a reason; a row that takes longer fails. What later work adds goes to the matrix, not into `npm test`.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { kernelEntries, kernelEntry } from '../guest/harness/kernel-table.js';
import type { Mode } from '../guest/scenarios/mode.js';

/** A guest's kernel is booted as it comes, or set up in one of these ways. */
export interface Variant {
  readonly name: string;
  /** More for the kernel's command line. */
  readonly append?: string;
  /** Shell text that runs before everything else. */
  readonly prepare?: string;
  /** How the kernel preempts itself then. */
  readonly preemption?: string;
}

export const PLAIN: Variant = { name: 'plain' };
/** Both at once, for they do not touch one another: lockdown=integrity is what Secure Boot brings. */
const HARDENED: Variant = {
  name: 'hardened',
  append: 'lockdown=integrity',
  prepare: 'echo 2 >/proc/sys/net/core/bpf_jit_harden',
};
/** The kernel preempts nearly everywhere, also within the programs that trampolines run. */
const PREEMPTED: Variant = { name: 'preempted', append: 'preempt=full', preemption: 'full' };
const X32: Variant = { name: 'x32', append: 'syscall.x32=y' };

export const SCENARIOS = ['workload', 'deletions', 'hiding', 'contention', 'faults', 'differential'] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** One cell of kernel x mode x file system x scenario, in a guest that it may share with others. */
export interface GuestRow {
  readonly kind: 'guest';
  readonly kernel: string;
  readonly variant: Variant;
  readonly mode: Mode;
  readonly filesystem: string;
  readonly scenario: Scenario;
  /** Of `deletions`: how many files the burst deletes. */
  readonly burst: number;
  /** Of `workload`: names of cases; all of them when there is none. */
  readonly only: readonly string[];
  readonly budgetSeconds: number;
  readonly reason: string;
  readonly quick: boolean;
}

/** Tests of vitest, in a process of their own. */
export interface SuiteRow {
  readonly kind: 'suite';
  readonly name: string;
  /** A project of vitest.config.ts. */
  readonly project: string;
  /** Parts of paths; all files of the project when there is none. */
  readonly files: readonly string[];
  /** A regular expression that the names of the tests must match. */
  readonly pattern?: string;
  /** Whether it needs both processors: what is measured or flooded is disturbed by a neighbour. */
  readonly alone: boolean;
  /** More arguments of vitest. */
  readonly options?: readonly string[];
  readonly budgetSeconds: number;
  readonly reason: string;
  readonly quick: boolean;
}

export type Row = GuestRow | SuiteRow;

const KERNELS = kernelEntries.flatMap(({ name, flavour }) => (flavour === undefined ? [name] : []));
const CANDIDATES = kernelEntries.flatMap(({ name, flavour }) => (flavour === 'candidate' ? [name] : []));
export const OLDEST = KERNELS[0]!;
export const NEWEST = KERNELS.at(-1)!;
const MIDDLE = KERNELS.filter((name) => name !== OLDEST && name !== NEWEST);
/** Halves: what is the same in two modes runs in one of them on each kernel, in each of them on every other kernel. */
const ODD_KERNELS = KERNELS.filter((_, index) => index % 2 === 0);
const EVEN_KERNELS = KERNELS.filter((_, index) => index % 2 === 1);

/** What a burst of this size shows is that nothing is lost between two scrapes; a larger one fills the ring of a slow guest. */
const QUICK_BURST = 5_000;
const BURST = 20_000;
const BURST_KERNEL = '6.12';

/** The newest kernel that can be told to preempt or not: by default it preempts little, as 6.1 does. */
const PREEMPTED_KERNEL = '6.12';

interface Block {
  readonly kernels: readonly string[];
  readonly modes: readonly Mode[];
  readonly filesystems: readonly string[];
  readonly scenario: Scenario;
  readonly budgetSeconds: number;
  readonly reason: string;
  readonly variant?: Variant;
  readonly burst?: number;
  readonly only?: readonly string[];
  readonly quick?: boolean;
}

/**
 * Removals, renames over files and failures by calls on names. Without crowds: for a second a client of SMB knows
 * the times and sizes of files only as they were.
 */
const NAME_CASES = [
  ...['unlink', 'unlinkat', 'unlinkat-removedir', 'rmdir', 'rmdir-fails', 'missing', 'slashes', 'deep-60', 'thread'],
  ...['rename-over', 'rename-across', 'rename-fails', 'replace-directory'],
];

const BLOCKS: readonly Block[] = [
  {
    kernels: [OLDEST, NEWEST],
    modes: ['kprobe'],
    filesystems: ['tmpfs'],
    scenario: 'workload',
    budgetSeconds: 100,
    reason: 'every case on the two kernels that differ most',
    quick: true,
  },
  {
    kernels: [OLDEST, NEWEST],
    modes: ['kprobe'],
    filesystems: ['tmpfs'],
    scenario: 'deletions',
    burst: QUICK_BURST,
    budgetSeconds: 90,
    reason: 'a burst, sleeping calls and an end under load, on the two kernels that differ most',
    quick: true,
  },
  {
    kernels: MIDDLE,
    modes: ['kprobe'],
    filesystems: ['tmpfs'],
    scenario: 'workload',
    budgetSeconds: 100,
    reason: 'every case on the kernels of Debian 12 and 13',
  },
  {
    kernels: KERNELS,
    modes: ['kprobe'],
    filesystems: ['btrfs'],
    scenario: 'workload',
    budgetSeconds: 100,
    reason: 'subvolumes with devices of their own',
  },
  {
    kernels: KERNELS,
    modes: ['fentry'],
    filesystems: ['ext4', 'xfs'],
    scenario: 'workload',
    budgetSeconds: 100,
    reason: 'the other file systems in the other mode that knows where a file lies',
  },
  {
    kernels: ODD_KERNELS,
    modes: ['kprobe'],
    filesystems: ['overlayfs'],
    scenario: 'workload',
    budgetSeconds: 100,
    reason: 'two layers on two file systems, as containers have them',
  },
  {
    kernels: EVEN_KERNELS,
    modes: ['fentry'],
    filesystems: ['overlayfs'],
    scenario: 'workload',
    budgetSeconds: 100,
    reason: 'two layers on two file systems, in the other mode that knows where a file lies',
  },
  {
    kernels: KERNELS,
    modes: ['tracepoint'],
    filesystems: ['tmpfs'],
    scenario: 'workload',
    budgetSeconds: 100,
    reason: 'what system calls tell is the same on every file system',
  },
  {
    kernels: [BURST_KERNEL],
    modes: ['kprobe'],
    filesystems: ['tmpfs'],
    scenario: 'deletions',
    burst: BURST,
    budgetSeconds: 180,
    reason: 'a burst that fills the ring of a slow guest',
  },
  {
    kernels: MIDDLE.filter((name) => name !== BURST_KERNEL),
    modes: ['kprobe'],
    filesystems: ['tmpfs'],
    scenario: 'deletions',
    burst: QUICK_BURST,
    budgetSeconds: 140,
    reason: 'the verifier of each kernel, a burst, sleeping calls and an end under load',
  },
  {
    kernels: EVEN_KERNELS,
    modes: ['fentry'],
    filesystems: ['tmpfs'],
    scenario: 'deletions',
    burst: QUICK_BURST,
    budgetSeconds: 140,
    reason: 'a burst, sleeping calls and an end under load, by trampolines; the verifier follows the same programs',
  },
  {
    kernels: [OLDEST, NEWEST],
    modes: ['tracepoint'],
    filesystems: ['tmpfs'],
    scenario: 'deletions',
    burst: QUICK_BURST,
    budgetSeconds: 120,
    reason: 'the verifier, a burst and an end under load; larger bursts are floods of this machine',
  },
  {
    kernels: ODD_KERNELS,
    modes: ['kprobe'],
    filesystems: ['ext4'],
    scenario: 'hiding',
    budgetSeconds: 90,
    reason: 'ways around a watched directory, in one of the modes that know where a file lies',
  },
  {
    kernels: EVEN_KERNELS,
    modes: ['fentry'],
    filesystems: ['ext4'],
    scenario: 'hiding',
    budgetSeconds: 90,
    reason: 'ways around a watched directory, in the other mode that knows where a file lies',
  },
  {
    kernels: ['6.12-rt'],
    modes: ['kprobe'],
    filesystems: ['tmpfs'],
    scenario: 'workload',
    variant: X32,
    budgetSeconds: 150,
    reason: 'PREEMPT_RT preempts nearly everything; calls of x32 programs, which the cloud kernels do not have',
  },
  {
    kernels: ['7.x-rt'],
    modes: ['fentry'],
    filesystems: ['tmpfs'],
    scenario: 'workload',
    budgetSeconds: 150,
    reason: 'PREEMPT_RT, in the other mode that knows where a file lies',
  },
  {
    kernels: CANDIDATES,
    modes: ['kprobe', 'fentry'],
    filesystems: ['tmpfs'],
    scenario: 'workload',
    budgetSeconds: 150,
    reason: 'the next kernel, before it is released; what fails here fails no run',
  },
  {
    kernels: ['6.12-rt'],
    modes: ['tracepoint'],
    filesystems: ['tmpfs'],
    scenario: 'workload',
    variant: X32,
    only: ['x32', 'message-queue'],
    budgetSeconds: 60,
    reason: 'calls of x32 programs, as the hooks of system calls see them',
  },
  {
    // It loads programs of both kinds.
    kernels: ['6.12'],
    modes: ['kprobe'],
    filesystems: ['tmpfs'],
    scenario: 'workload',
    variant: HARDENED,
    budgetSeconds: 120,
    reason:
      'net.core.bpf_jit_harden=2 blinds the constants of every program, lockdown=integrity takes rights from root',
  },
  {
    kernels: KERNELS.filter((name) => name !== PREEMPTED_KERNEL),
    modes: ['kprobe', 'fentry'],
    filesystems: ['tmpfs'],
    scenario: 'contention',
    budgetSeconds: 420,
    reason: 'crowds of threads and attacks by local users',
  },
  {
    kernels: [PREEMPTED_KERNEL],
    modes: ['kprobe', 'fentry'],
    filesystems: ['tmpfs'],
    scenario: 'contention',
    variant: PREEMPTED,
    budgetSeconds: 420,
    reason: 'the same where tasks are preempted nearly everywhere',
  },
  {
    kernels: KERNELS,
    modes: ['tracepoint'],
    filesystems: ['tmpfs'],
    scenario: 'contention',
    budgetSeconds: 150,
    reason: 'crowds of threads, as the end of system calls tells them',
  },
  {
    kernels: ['6.12'],
    modes: ['kprobe'],
    filesystems: ['tmpfs'],
    scenario: 'faults',
    budgetSeconds: 300,
    reason: 'hooks that stop, a clock that jumps, too little memory: in a guest, for they harm the machine',
  },
  {
    kernels: ['6.12'],
    modes: ['fentry'],
    filesystems: ['cifs'],
    scenario: 'workload',
    only: NAME_CASES,
    budgetSeconds: 60,
    reason: 'a client of SMB, and a server whose own deletions are counted',
  },
  {
    // Cloud kernels have neither.
    kernels: ['6.12-rt'],
    modes: ['kprobe'],
    filesystems: ['9p', 'ocfs2'],
    scenario: 'workload',
    only: [...NAME_CASES, 'open-file', 'open-by-removed-name'],
    budgetSeconds: 60,
    reason: 'a client of 9p, whose names have inodes of their own; ocfs2, whose locks hold inodes',
  },
  {
    kernels: ['6.12'],
    modes: ['kprobe'],
    filesystems: ['ceph'],
    scenario: 'workload',
    only: [...NAME_CASES, 'open-file', 'open-by-removed-name', 'move-over', 'move-fails'],
    budgetSeconds: 60,
    reason: 'a client of ceph, whose names are moved by a thread of the kernel',
  },
  {
    kernels: ['6.12'],
    modes: ['kprobe'],
    filesystems: ['ceph'],
    scenario: 'deletions',
    burst: 500,
    budgetSeconds: 60,
    reason: 'renames on ceph, where no watch wants failures',
  },
  {
    kernels: ['7.x'],
    modes: ['fentry'],
    filesystems: ['nfs'],
    scenario: 'workload',
    budgetSeconds: 200,
    reason: 'a client of NFS in the other mode, on the newest kernel',
  },
  {
    kernels: ['6.12'],
    modes: ['kprobe'],
    filesystems: ['nfs'],
    scenario: 'workload',
    budgetSeconds: 200,
    reason: 'failed calls reach the success hooks, and open files are renamed instead of removed',
  },
  {
    kernels: ['6.12'],
    modes: ['kprobe'],
    filesystems: ['ext4'],
    scenario: 'differential',
    budgetSeconds: 400,
    reason: 'every deletion that strace sees in git, rsync, perl, node and rm is one event',
  },
];

function rowsOf(block: Block): GuestRow[] {
  const { kernels, modes, filesystems, variant = PLAIN, burst = 0, only = [], quick = false, ...rest } = block;
  return kernels.flatMap((kernel) =>
    modes.flatMap((mode) =>
      filesystems.map((filesystem) => ({
        kind: 'guest' as const,
        kernel,
        variant,
        mode,
        filesystem,
        burst,
        only,
        quick,
        ...rest,
      })),
    ),
  );
}

/** The one flood that `npm test` has. The row without it takes all others. */
const STOPPED_FLOOD = 'SIGTERM while far more waits';

const NAMED_SUITES: readonly SuiteRow[] = [
  {
    kind: 'suite',
    name: 'unit tests',
    project: 'unit',
    files: [],
    options: ['--coverage'],
    alone: true,
    budgetSeconds: 120,
    reason: 'every room of src/ for itself, and the tools of the tests',
    quick: true,
  },
  {
    kind: 'suite',
    name: 'addon and daemon on this kernel',
    project: 'host',
    files: ['probe', 'daemon', 'notify', 'kernel-filter', 'filesystems', 'crowd'].map(
      (name) => `test/host/${name}.test.ts`,
    ),
    alone: true,
    budgetSeconds: 110,
    reason:
      'the addon, the whole daemon in whatever mode this machine allows, and a crowd and an attack in tracepoint mode',
    quick: true,
  },
  {
    kind: 'suite',
    name: 'one flood, ended by SIGTERM',
    project: 'flood',
    files: ['test/host/flood/flood.test.ts'],
    pattern: STOPPED_FLOOD,
    alone: true,
    budgetSeconds: 40,
    reason: 'the ledger closes when the daemon is ended with a backlog',
    quick: true,
  },
  {
    kind: 'suite',
    name: 'floods',
    project: 'flood',
    files: ['flood', 'processes', 'tree'].map((name) => `test/host/flood/${name}.test.ts`),
    pattern: `^(?!.*${STOPPED_FLOOD})`,
    alone: true,
    budgetSeconds: 360,
    reason: 'millions of deletions, eight deleters, short-lived processes, readers that stand still, signals',
    quick: false,
  },
  {
    kind: 'suite',
    name: 'soak',
    project: 'flood',
    files: ['test/host/flood/soak.test.ts'],
    alone: true,
    budgetSeconds: 150,
    reason: 'a minute at 20,000 deletions a second: memory, descriptors and delay stay where they are',
    quick: false,
  },
  {
    kind: 'suite',
    name: 'sanitizers',
    project: 'sanitize',
    files: ['test/sanitize/sanitize.test.ts'],
    alone: true,
    budgetSeconds: 300,
    reason: 'the addon under ASan and UBSan with its tests, the threads of the ring under TSan',
    quick: false,
  },
  {
    kind: 'suite',
    name: 'log faults',
    project: 'host',
    files: ['test/host/log-faults.test.ts'],
    alone: true,
    budgetSeconds: 60,
    reason: 'a full disk, readers that are gone, and pipes that nobody reads',
    quick: false,
  },
  {
    kind: 'suite',
    name: 'Prometheus',
    project: 'host',
    files: ['test/host/prometheus.test.ts', 'test/host/prometheus-web.test.ts'],
    alone: false,
    budgetSeconds: 60,
    reason: 'a real Prometheus takes the configuration, rules and dashboard that are shipped',
    quick: false,
  },
  {
    kind: 'suite',
    name: 'page',
    project: 'host',
    files: ['test/host/page.test.ts'],
    alone: true,
    // On a new machine it fetches and unpacks Chromium as well.
    budgetSeconds: 150,
    reason: 'the page in a real Chromium: content, hostile names, filter, restart, and readers that stop',
    quick: false,
  },
  {
    kind: 'suite',
    name: 'commands and signals',
    project: 'host',
    files: [
      'ad-hoc',
      'arguments',
      'bursts',
      'doctor',
      'documented-commands',
      'record',
      'search',
      'search-terminal',
      'shared-base',
      'start-signals',
      'top',
    ].map((name) => `test/host/${name}.test.ts`),
    alone: false,
    budgetSeconds: 400,
    reason: 'search, who, top, doctor, record and signals with a real daemon, and the commands of the pages',
    quick: false,
  },
  {
    kind: 'suite',
    name: 'packages',
    project: 'host',
    files: ['test/host/stage.test.ts', 'test/host/package.test.ts'],
    alone: false,
    budgetSeconds: 180,
    reason: 'the staged tree and both packages: contents, licences, lintian, the same bytes every time',
    quick: false,
  },
  {
    kind: 'suite',
    name: 'static analysis',
    project: 'host',
    files: ['test/host/tidy.test.ts'],
    alone: false,
    budgetSeconds: 200,
    reason: 'clang-tidy over the addon: bugprone and performance',
    quick: false,
  },
  {
    kind: 'suite',
    name: 'bench',
    project: 'host',
    files: ['test/host/bench.test.ts'],
    alone: false,
    budgetSeconds: 80,
    reason: 'the bench works, listening and searching; nothing is judged',
    quick: false,
  },
  {
    kind: 'suite',
    name: 'service',
    project: 'service',
    files: ['test/service/service.test.ts'],
    alone: false,
    budgetSeconds: 700,
    reason: 'the bundled package under the systemd of Debian 12, from installation to purge',
    quick: false,
  },
  {
    kind: 'suite',
    name: 'flavours',
    project: 'service',
    files: ['test/service/flavours.test.ts'],
    alone: false,
    budgetSeconds: 500,
    reason: 'from the plain package to the bundled one and back, on Debian 13',
    quick: false,
  },
];

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Files that no row names, so that a new one is run, too: all of a project in one row of the matrix. */
function otherSuites(): SuiteRow[] {
  const named = new Set(NAMED_SUITES.flatMap(({ files }) => files));
  return [
    { project: 'host', directory: 'test/host' },
    { project: 'flood', directory: 'test/host/flood' },
    { project: 'service', directory: 'test/service' },
  ].flatMap(({ project, directory }) => {
    const files = fs
      .readdirSync(path.join(ROOT, directory))
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => `${directory}/${name}`)
      .filter((file) => !named.has(file));
    if (files.length === 0) return [];
    return {
      kind: 'suite' as const,
      name: `other tests of ${project}`,
      project,
      files,
      alone: true,
      budgetSeconds: 120 * files.length,
      reason: 'no other row names these files',
      quick: false,
    };
  });
}

export const SUITES: readonly SuiteRow[] = [...NAMED_SUITES, ...otherSuites()];
export const GUEST_ROWS: readonly GuestRow[] = BLOCKS.flatMap(rowsOf);
export const ROWS: readonly Row[] = [...SUITES, ...GUEST_ROWS];

/** The name of a row in progress lines and in the list of passed rows. */
export function rowName(row: Row): string {
  if (row.kind === 'suite') return row.name;
  const { kernel, variant, mode, filesystem, scenario, burst, only } = row;
  const set = variant === PLAIN ? '' : `, ${variant.name}`;
  const details = [scenario === 'deletions' ? ` of ${burst.toLocaleString('en')}` : '', only.map((name) => ` ${name}`)];
  return `Linux ${kernel}${set}, ${mode}, ${filesystem}: ${scenario}${details.flat().join('')}`;
}

/** Whether what fails in this row fails no run. */
export function mayFail(row: Row): boolean {
  return row.kind === 'guest' && kernelEntry(row.kernel).mayFail === true;
}

/** The command that runs this row alone. */
export function commandOf(row: Row): string {
  const command = 'npm run test:matrix --';
  if (row.kind === 'suite') return `${command} --row '${row.name}'`;
  const { kernel, variant, mode, filesystem, scenario, only } = row;
  const set = variant === PLAIN ? '' : ` --variant ${variant.name}`;
  const what = only.length > 0 ? only[0] : scenario;
  return `${command} --kernel ${kernel}${set} --mode ${mode} --filesystem ${filesystem} --case ${what}`;
}
