/** Which sessions rows have, and what the guest needs in which they are recorded. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GuestDisk, GuestOptions } from '../guest/harness/guest.js';
import { hostNode } from '../guest/harness/host-node.js';
import { findInstalled, findProgram } from '../guest/harness/programs.js';
import { ensureDebianRoot } from '../guest/harness/systemd-root.js';
import { LOOP_DELAY } from '../guest/scenarios/event-loop.js';
import { casesLeftOut } from '../guest/scenarios/judge-workload.js';
import { MODES } from '../guest/scenarios/mode.js';
import { CASEFOLD, DIRECTORIES, PLAN_FILE, RECORDS, type RowSession, STAGE, VFAT } from '../guest/scenarios/plan.js';
import { budgetOf } from './outcome.js';
import { PREPARED_FILESYSTEMS } from './prepared-filesystems.js';
import { type GuestRow, NEWEST, OLDEST, type Scenario } from './rows.js';

/** Made once for all guests of a run. */
export interface GuestFiles {
  readonly stage: string;
  readonly deleter: string;
  readonly contention: string;
  readonly bpfStatistics: string;
  readonly oddMounts: string;
  readonly cases: string;
  readonly recorder: string;
}

/** Where what tries to hide meets a daemon in a container: the oldest and the newest. */
const CONTAINED: ReadonlySet<string> = new Set([OLDEST, NEWEST]);

/** Watches and bind mounts of the part `large` of contention: as many as are promised, and what takes few seconds. */
const LARGEST = { watches: 10_000, binds: 5_000 } as const;
const LARGE = { watches: 1_000, binds: 1_000 } as const;

const LOOP_DELAY_SOURCE = fileURLToPath(new URL('../guest/programs/loop_delay.cjs', import.meta.url));

export interface PlannedSession {
  readonly session: RowSession;
  readonly rows: readonly GuestRow[];
}

const MIB_OF_DISK: Readonly<Record<string, number>> = { ext4: 256, btrfs: 256, xfs: 320 };
const NEED_DISK: ReadonlySet<Scenario> = new Set(['deletions', 'hiding']);
/** What `hiding` needs of a vfat. */
const VFAT_MODULES = ['vfat', 'nls_cp437', 'nls_ascii', 'nls_utf8', 'nls_iso8859-1'];
/** Debian's builds without CONFIG_UNICODE: no directory of ext4 can ignore case there. */
const WITHOUT_CASEFOLD: ReadonlySet<string> = new Set(['5.10']);
/** Kernels whose trampolines take a program once: before 5.13. */
const WITHOUT_REATTACHING: ReadonlySet<string> = new Set(['5.10']);
/** Rows with a guest of their own: they change its clock, its limits of sleeping calls, or have a whole Debian. */
const ALONE: ReadonlySet<Scenario> = new Set(['contention', 'faults', 'differential']);
/** Every event line of a guest fits into it. */
const OUTPUTS_MIB = 1_024;
/** The recorder is ended when it has taken this many times what its rows may: within it a row only fails. */
const PATIENCE = 2;
/** The Debian root has no Node.js of its own. */
const NODE_OF_DEBIAN = 'chmod 755 /opt/node/wrapper && ln -s /opt/node/wrapper /usr/local/bin/node';

function sessionOf({ scenario, mode, kernel, burst, variant, filesystem }: GuestRow, name: string): RowSession {
  switch (scenario) {
    case 'workload':
      throw new Error('one session has the workload of several rows');
    case 'deletions': {
      const comesLate = PREPARED_FILESYSTEMS[filesystem]?.comesLate;
      return { kind: scenario, name, mode, burst, filesystem, ...(comesLate === undefined ? {} : { comesLate }) };
    }
    case 'contention':
      return {
        kind: scenario,
        name,
        mode,
        canReattach: mode === 'kprobe' || !WITHOUT_REATTACHING.has(kernel),
        leavesOutTracepoints: mode === 'tracepoint' && kernel === NEWEST,
        large: kernel === NEWEST && mode === 'kprobe' ? LARGEST : LARGE,
        ...(variant.preemption === undefined ? {} : { preemption: variant.preemption }),
      };
    case 'hiding':
      return {
        kind: scenario,
        name,
        mode,
        casefold: !WITHOUT_CASEFOLD.has(kernel),
        isContained: CONTAINED.has(kernel),
      };
    default:
      return { kind: scenario, name, mode };
  }
}

/** File systems that find names whatever their case. */
function disksThatIgnoreCase(kernel: string): GuestDisk[] {
  return [
    { sizeMiB: 16, fs: 'vfat', mountAt: VFAT },
    ...(WITHOUT_CASEFOLD.has(kernel) ? [] : [{ sizeMiB: 16, fs: 'ext4', features: 'casefold', mountAt: CASEFOLD }]),
  ];
}

/** One session for each row, but one for all file systems that have the workload in one mode. */
export function planSessions(rows: readonly GuestRow[]): PlannedSession[] {
  const planned: PlannedSession[] = [];
  for (const mode of MODES) {
    for (const row of rows.filter((each) => each.mode === mode)) {
      const name = [row.scenario, mode, row.burst].join('-');
      if (row.scenario === 'workload') continue;
      const session = sessionOf(row, name);
      planned.push({ session, rows: [row] });
    }
    const workload = rows.filter((each) => each.mode === mode && each.scenario === 'workload');
    if (workload.length === 0) continue;
    const { only } = workload[0]!;
    const filesystems = workload.map(({ filesystem }) => filesystem);
    const leftOut = filesystems.flatMap((filesystem) => Object.keys(casesLeftOut(mode, filesystem)));
    const skip = leftOut.filter((name) => !only.includes(name));
    const session = { kind: 'workload', name: `workload-${mode}`, mode, filesystems, only, skip } as const;
    planned.push({ session, rows: workload });
  }
  return planned;
}

function usedFilesystems(rows: readonly GuestRow[]): Set<string> {
  // Deletions freeze one, hiding needs a disk, and the upper layer of an overlayfs is on one.
  const needDisk = rows.some(({ scenario, filesystem }) => NEED_DISK.has(scenario) || filesystem === 'overlayfs');
  return new Set([...(needDisk ? ['ext4'] : []), ...rows.map(({ filesystem }) => filesystem)]);
}

/** An overlayfs as containers have it: the lower layer on one file system, the upper one on another. */
function mountCommands(used: ReadonlySet<string>): string[] {
  const commands = [`mkdir -p ${DIRECTORIES['tmpfs']}`];
  if (used.has('overlayfs')) {
    commands.push(
      `mkdir -p /tmp/lower ${DIRECTORIES['overlayfs']} /mnt/ext4/upper /mnt/ext4/work`,
      `mount -t overlay -o lowerdir=/tmp/lower,upperdir=/mnt/ext4/upper,workdir=/mnt/ext4/work overlay ${DIRECTORIES['overlayfs']}`,
    );
  }
  return commands;
}

/** Whether two rows may share a guest. */
export function guestKey({ kernel, variant, only, scenario, filesystem }: GuestRow): string {
  const prepared = PREPARED_FILESYSTEMS[filesystem];
  const alone = ALONE.has(scenario) ? [scenario] : prepared === undefined ? [] : [prepared.guest];
  return [kernel, variant.name, ...only, ...alone].join(' ');
}

/** One root for all rows that need a Debian: real programs, and servers. */
const DEBIAN_PACKAGES = [
  ...['perl', 'git', 'rsync', 'strace'],
  ...Object.values(PREPARED_FILESYSTEMS).map((each) => each.package),
];

/** npm's directory when it holds everything npm needs (Debian's own npm is spread over many). */
function hostNpm(): Record<string, string> {
  const npm = findInstalled('npm');
  if (npm === undefined) return {};
  const directory = path.dirname(path.dirname(fs.realpathSync(npm)));
  const isComplete = ['bin/npm-cli.js', 'node_modules/@npmcli/arborist'].every((name) =>
    fs.existsSync(path.join(directory, name)),
  );
  return isComplete ? { [directory]: '/opt/npm' } : {};
}

/** Real programs need a whole Debian, and on it this machine's Node.js. */
async function debianOptions(): Promise<Pick<GuestOptions, 'root' | 'initrdFiles' | 'texts'>> {
  const node = hostNode();
  const root = await ensureDebianRoot({ packages: DEBIAN_PACKAGES, mode: 'command' });
  return { root, initrdFiles: { ...node.files, ...hostNpm() }, texts: node.texts };
}

/** The guest of these rows, all of one kernel and variant. */
export async function guestOptions(
  rows: readonly GuestRow[],
  sessions: readonly RowSession[],
  files: GuestFiles,
): Promise<GuestOptions> {
  const { kernel, variant, mode, scenario } = rows[0]!;
  const used = usedFilesystems(rows);
  const hides = rows.some((row) => row.scenario === 'hiding');
  const budget = rows.reduce((sum, row) => sum + budgetOf(row), 0);
  const recorder = `/opt/recorder/${path.basename(files.recorder)}`;
  const prepared = Object.entries(PREPARED_FILESYSTEMS).flatMap(([name, each]) => (used.has(name) ? [each] : []));
  const debian = scenario === 'differential' || prepared.length > 0 ? await debianOptions() : undefined;
  const setUp =
    debian === undefined ? mountCommands(used) : [NODE_OF_DEBIAN, ...prepared.flatMap(({ commands }) => commands)];
  const prepare = variant.prepare === undefined ? [] : [variant.prepare];
  return {
    kernel,
    ...debian,
    label: [mode, variant.name, ...(ALONE.has(scenario) ? [scenario] : [])].join('-'),
    initrdFiles: {
      ...debian?.initrdFiles,
      [files.stage]: STAGE,
      [files.deleter]: '/opt/deleter',
      [files.contention]: '/opt/contention',
      [files.bpfStatistics]: '/opt/bpf_statistics',
      [LOOP_DELAY_SOURCE]: LOOP_DELAY,
      [files.oddMounts]: '/opt/odd_mounts',
      [files.cases]: '/opt/cases',
      ...(hides ? { [findProgram('shred')]: '/opt/shred' } : {}),
      [files.recorder]: recorder,
    },
    texts: { ...debian?.texts, [PLAN_FILE]: JSON.stringify(sessions) },
    // Cases of the workload make an overlayfs of their own.
    modules:
      debian === undefined
        ? ['overlay', ...['btrfs', 'xfs'].filter((name) => used.has(name)), ...(hides ? VFAT_MODULES : [])]
        : ['overlay', ...prepared.flatMap(({ modules }) => modules)],
    disks: [
      ...['ext4', 'btrfs', 'xfs']
        .filter((name) => used.has(name))
        .map((name) => ({ sizeMiB: MIB_OF_DISK[name]!, fs: name, mountAt: DIRECTORIES[name]! })),
      ...(hides ? disksThatIgnoreCase(kernel) : []),
    ],
    outputs: [RECORDS],
    outputsMiB: OUTPUTS_MIB,
    append: variant.append ?? '',
    command: [...prepare, ...setUp, `node ${recorder}`].join(' && '),
    timeoutSeconds: budget * PATIENCE,
  };
}
