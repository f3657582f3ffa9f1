/** rmwatch itself as a listener, with the sets of watches that are compared. */
import { spawnSync } from 'node:child_process';
import { lostEvents, type Metrics, sampleOf, sumOf } from '../lib/metrics.js';
import type { Listener, StartOptions, Told } from './listener.js';
import { MeasuredDaemon, matchingWatch, type Watch } from './measured-daemon.js';
import type { Plan } from './plan.js';
import type { Roots, Run } from './workloads.js';

interface Variant {
  readonly name: string;
  /** What is told of what is deleted. */
  readonly tells: 'lines' | 'counters' | 'nothing';
  /** Programs that read the event socket, and take all that it has. */
  readonly readers?: number;
  /** Browsers that have the page open. */
  readonly pages?: number;
  /** `count`: how many are many. */
  watches(roots: Roots, count: number): Watch[];
}

/** Others that are there but want nothing of what is deleted. */
function elsewhere(count: number): Watch[] {
  return Array.from({ length: count }, (_, number) => ({
    name: `tenant-${number}`,
    include: [`/srv/tenants/${number}/data/**`],
    exclude: ['*.tmp'],
  }));
}

const VARIANTS: readonly Variant[] = [
  { name: 'one watch', tells: 'lines', watches: (roots) => [matchingWatch(roots)] },
  { name: 'one watch, 4 readers', tells: 'lines', readers: 4, watches: (roots) => [matchingWatch(roots)] },
  { name: 'one watch, 4 pages', tells: 'lines', pages: 4, watches: (roots) => [matchingWatch(roots)] },
  { name: 'no match', tells: 'nothing', watches: () => elsewhere(1) },
  { name: 'metrics only', tells: 'counters', watches: (roots) => [{ ...matchingWatch(roots), log: false }] },
  {
    name: 'many watches',
    tells: 'lines',
    watches: (roots, count) => [...elsewhere(count - 1), matchingWatch(roots)],
  },
];

interface Account {
  readonly counted: number;
  readonly delivered: number;
  readonly filtered: number;
  readonly lost: number;
}

/** What a run changed in the daemon's own counters. */
function accountOf(before: Metrics, after: Metrics): Account {
  const change = (name: string) => sumOf(after, name) - sumOf(before, name);
  return {
    counted: change('rmwatch_deletions_total'),
    delivered: sampleOf(after, 'rmwatch_events_delivered_total') - sampleOf(before, 'rmwatch_events_delivered_total'),
    filtered: change('rmwatch_events_filtered_total'),
    lost: lostEvents(after) - lostEvents(before),
  };
}

/** Why a run's figures mean nothing, or undefined. */
function invalidity(tells: Variant['tells'], told: number, account: Account, deletions: number): string | undefined {
  const { counted, delivered, filtered, lost } = account;
  if (lost > 0) return `${lost} lost`;
  if (tells === 'nothing') return filtered < deletions ? `${filtered} of ${deletions} seen` : undefined;
  if (counted !== deletions) return `${counted} of ${deletions} counted`;
  if (tells === 'lines' && (told !== deletions || delivered !== deletions)) return `${told} of ${deletions} told`;
  return undefined;
}

interface RmwatchOptions {
  readonly program: readonly string[];
  readonly roots: Roots;
  readonly plan: Plan;
}

async function start(variant: Variant, mode: string, options: RmwatchOptions & StartOptions) {
  const { program, roots, plan, outputs, quietMs } = options;
  const watches = variant.watches(roots, plan.watches);
  const { readers, pages } = variant;
  const measured = await MeasuredDaemon.start({ program, mode, watches, outputs, quietMs, readers, pages });
  let before: Metrics;
  return {
    pid: measured.pid,
    async begin() {
      before = await measured.daemon.metrics();
      await measured.account.settle();
      measured.account.begin();
    },
    async end({ deletions }: Run): Promise<Told> {
      const { cpuSeconds, metrics } = await measured.settle();
      const told = measured.account.countLines((line) => line.includes('"dataset":"rmwatch.deletion"'));
      const account = accountOf(before, metrics);
      return { told, ...account, cpuSeconds, invalid: invalidity(variant.tells, told, account, deletions) };
    },
    memory: () => measured.account.memory(),
    stop: () => measured.stop(),
  };
}

export interface AttachModes {
  /** The mode that `auto` takes; null when none works. */
  readonly preferred: string | null;
  /** undefined when a mode works, else why not. */
  readonly reasons: Readonly<Record<string, string | undefined>>;
}

/** What the daemon says of each attach mode here. */
export function attachModes(program: readonly string[]): AttachModes {
  const [command, ...args] = program;
  const { stdout, stderr } = spawnSync(command!, [...args, 'doctor', '--json'], { encoding: 'utf8' });
  let report: {
    attach: string | null;
    findings: readonly { check: string; state: string; message: string }[];
  };
  try {
    report = JSON.parse(stdout);
  } catch {
    throw new Error(`rmwatch doctor --json says no JSON: ${stdout}${stderr}`);
  }
  const modes = report.findings.filter(({ check }) => check.startsWith('attach '));
  return {
    preferred: report.attach,
    reasons: Object.fromEntries(
      modes.map(({ check, state, message }) => [check.slice('attach '.length), state === 'ok' ? undefined : message]),
    ),
  };
}

/** One listener for each attach mode that the plan wants and each set of watches. */
export function rmwatchListeners(modes: AttachModes, options: RmwatchOptions): Listener[] {
  const wanted = options.plan.modes;
  return Object.entries(modes.reasons)
    .filter(([mode]) => wanted === undefined || wanted.includes(mode))
    .flatMap(([mode, reason]) =>
      VARIANTS.map((variant) => ({
        name: `rmwatch ${mode}, ${variant.name}`,
        reason,
        mode,
        variant: variant.name,
        start: (begin: StartOptions) => start(variant, mode, { ...options, ...begin }),
      })),
    );
}
