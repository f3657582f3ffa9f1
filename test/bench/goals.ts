/** What the daemon is meant to cost at most, and whether it does. */
import type { IdleFigures } from './idle.js';
import type { LongRun } from './long-run.js';
import type { Measured } from './measure.js';
import type { Result } from './rounds.js';
import { largestMemory, type Row, summarizeWorkload } from './summary.js';

const MEGABYTE = 1e6;
/** Growth of memory that counts as none: of the last half of a long run over the first. */
const FLAT = 1.05;

type Judge = (figure: number) => boolean;
type Show = (figure: number) => string;

function goal(text: string, figure: number | undefined, isMet: Judge, show: Show): string {
  if (figure === undefined || !Number.isFinite(figure)) return `goal: ${text}: not measured`;
  return `goal: ${text}: ${isMet(figure) ? 'met' : 'MISSED'}: ${show(figure)}`;
}

const atMost =
  (limit: number): Judge =>
  (figure) =>
    figure <= limit;
const ratio: Show = (figure) => figure.toFixed(3);
const micro: Show = (figure) => `${figure.toFixed(2)} us`;
const megabytes: Show = (figure) => `${(figure / MEGABYTE).toFixed(0)} MB`;

/** undefined when one of both was not measured. */
function quotient(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : one / other;
}

function timeGoals(rows: readonly Row[], mode: string): string[] {
  const row = (variant: string) =>
    rows.find((one) => one.mode === mode && one.variant === variant && one.invalid === 0);
  const other = (name: string) => rows.find((one) => one.name === name);
  const one = row('one watch');
  const none = row('no match');
  const many = row('many watches');
  const both =
    (found: Row | undefined): Show =>
    (figure) =>
      `${ratio(figure)} (wall time: ${ratio(found?.ratioWall ?? Number.NaN)})`;
  const line = one?.cpuUsPerLine?.median;
  return [
    goal(`${mode}: full event, at most 0.12 of what bpftrace adds`, one?.ratioCpu, atMost(0.12), both(one)),
    goal(
      `${mode}: full event, less than inotifywait adds`,
      quotient(one?.addedCpuNs, other('inotifywait')?.addedCpuNs),
      (figure) => figure < 1,
      (figure) => `${ratio(figure)} of it`,
    ),
    goal(`${mode}: no watch wants it, at most 0.04 of what bpftrace adds`, none?.ratioCpu, atMost(0.04), both(none)),
    goal(`${mode}: daemon's CPU per line at most 4 us`, line, atMost(4), micro),
    goal(`${mode}: daemon's CPU per line at most 2 us (aim)`, line, atMost(2), micro),
    goal(
      `${mode}: many watches add at most 1.5 times what one adds`,
      quotient(many?.addedCpuNs, one?.addedCpuNs),
      atMost(1.5),
      ratio,
    ),
    goal(
      `${mode}: many watches, daemon's CPU per line at most 1.5 times`,
      quotient(many?.cpuUsPerLine?.median, line),
      atMost(1.5),
      ratio,
    ),
  ];
}

function memoryGoals(results: readonly Result[], mode: string): string[] {
  const peaks = results
    .filter((result) => result.mode === mode && result.variant === 'one watch')
    .map((result) => largestMemory(result)?.peakBytes);
  return [
    goal(`${mode}: peak memory at most 150 MB`, peaks[0], atMost(150 * MEGABYTE), megabytes),
    goal(`${mode}: peak memory at most 90 MB (aim)`, peaks[0], atMost(90 * MEGABYTE), megabytes),
  ];
}

function longRunGoals({ mode, series, deletions, delivered, cpuSeconds }: LongRun): string[] {
  const half = Math.floor(series.length / 2);
  const largest = (samples: LongRun['series']) => Math.max(...samples.map(({ residentBytes }) => residentBytes));
  const growth = half === 0 ? undefined : largest(series.slice(half)) / largest(series.slice(0, half));
  const share = delivered / deletions;
  return [
    goal(`${mode}: ${deletions} events, all delivered`, share, (figure) => figure === 1, ratio),
    goal(`${mode}: memory is flat over them (at most ${FLAT})`, growth, atMost(FLAT), ratio),
    goal(`${mode}: peak memory over them at most 150 MB`, series.at(-1)?.peakBytes, atMost(150 * MEGABYTE), megabytes),
    goal(`${mode}: CPU per line over them at most 4 us`, (cpuSeconds * 1e6) / delivered, atMost(4), micro),
  ];
}

const idleGoals = ({ mode, seconds, cpuSeconds, wakeUpsPerSecond }: IdleFigures): string[] => [
  goal(`${mode}: idle, at most 20 wake-ups a second`, wakeUpsPerSecond, atMost(20), (figure) => figure.toFixed(1)),
  goal(
    `${mode}: idle, no measurable CPU (below 0.1 %)`,
    cpuSeconds / seconds,
    (figure) => figure < 0.001,
    (figure) => `${(figure * 100).toFixed(2)} %`,
  ),
];

/** One line for each goal. Time is the CPU time of the deleting process: it does not depend on who else uses the machine. */
export function goalLines({ plan, results, idle, longRun }: Measured): string[] {
  const working = results.filter(({ reason }) => reason === undefined);
  const modes = [...new Set(working.flatMap(({ mode }) => mode ?? []))];
  const workload = plan.workloads.find(({ name }) => name === 'tmpfs');
  const rows = workload === undefined ? [] : summarizeWorkload(results, workload);
  return [
    ...modes.flatMap((mode) => [...timeGoals(rows, mode), ...memoryGoals(results, mode)]),
    ...idle.flatMap(idleGoals),
    ...(longRun ? longRunGoals(longRun) : []),
  ];
}
