/** What the daemon is meant to cost at most, and whether it does. */
import { largestMemory, summarizeWorkload } from './summary.mjs';

const MEGABYTE = 1e6;
/** Growth of memory that counts as none: of the last half of a long run over the first. */
const FLAT = 1.05;

function goal(text, figure, isMet, show) {
  if (figure === undefined || !Number.isFinite(figure)) return `goal: ${text}: not measured`;
  return `goal: ${text}: ${isMet(figure) ? 'met' : 'MISSED'}: ${show(figure)}`;
}

const atMost = (limit) => (figure) => figure <= limit;
const ratio = (figure) => figure.toFixed(3);
const micro = (figure) => `${figure.toFixed(2)} us`;
const megabytes = (figure) => `${(figure / MEGABYTE).toFixed(0)} MB`;

function timeGoals(rows, mode) {
  const row = (variant) => rows.find((one) => one.mode === mode && one.variant === variant && one.invalid === 0);
  const other = (name) => rows.find((one) => one.name === name);
  const [one, none, many] = ['one watch', 'no match', 'many watches'].map(row);
  const both = (found) => (figure) => `${ratio(figure)} (wall time: ${ratio(found.ratioWall)})`;
  const line = one?.cpuUsPerLine?.median;
  return [
    goal(`${mode}: full event, at most 0.12 of what bpftrace adds`, one?.ratioCpu, atMost(0.12), both(one)),
    goal(
      `${mode}: full event, less than inotifywait adds`,
      one?.addedCpuNs / other('inotifywait')?.addedCpuNs,
      (figure) => figure < 1,
      (figure) => `${ratio(figure)} of it`,
    ),
    goal(`${mode}: no watch wants it, at most 0.04 of what bpftrace adds`, none?.ratioCpu, atMost(0.04), both(none)),
    goal(`${mode}: daemon's CPU per line at most 4 us`, line, atMost(4), micro),
    goal(`${mode}: daemon's CPU per line at most 2 us (aim)`, line, atMost(2), micro),
    goal(
      `${mode}: many watches add at most 1.5 times what one adds`,
      many?.addedCpuNs / one?.addedCpuNs,
      atMost(1.5),
      ratio,
    ),
    goal(
      `${mode}: many watches, daemon's CPU per line at most 1.5 times`,
      many?.cpuUsPerLine?.median / line,
      atMost(1.5),
      ratio,
    ),
  ];
}

function memoryGoals(results, mode) {
  const peaks = results
    .filter((result) => result.mode === mode && result.variant === 'one watch')
    .map((result) => largestMemory(result)?.peakBytes);
  return [
    goal(`${mode}: peak memory at most 150 MB`, peaks[0], atMost(150 * MEGABYTE), megabytes),
    goal(`${mode}: peak memory at most 90 MB (aim)`, peaks[0], atMost(90 * MEGABYTE), megabytes),
  ];
}

function longRunGoals({ mode, series, deletions, delivered, cpuSeconds }) {
  const half = Math.floor(series.length / 2);
  const largest = (samples) => Math.max(...samples.map(({ residentBytes }) => residentBytes));
  const growth = half === 0 ? undefined : largest(series.slice(half)) / largest(series.slice(0, half));
  const share = delivered / deletions;
  return [
    goal(`${mode}: ${deletions} events, all delivered`, share, (figure) => figure === 1, ratio),
    goal(`${mode}: memory is flat over them (at most ${FLAT})`, growth, atMost(FLAT), ratio),
    goal(`${mode}: peak memory over them at most 150 MB`, series.at(-1)?.peakBytes, atMost(150 * MEGABYTE), megabytes),
    goal(`${mode}: CPU per line over them at most 4 us`, (cpuSeconds * 1e6) / delivered, atMost(4), micro),
  ];
}

const idleGoals = ({ mode, seconds, cpuSeconds, wakeUpsPerSecond }) => [
  goal(`${mode}: idle, at most 20 wake-ups a second`, wakeUpsPerSecond, atMost(20), (figure) => figure.toFixed(1)),
  goal(
    `${mode}: idle, no measurable CPU (below 0.1 %)`,
    cpuSeconds / seconds,
    (figure) => figure < 0.001,
    (figure) => `${(figure * 100).toFixed(2)} %`,
  ),
];

/** One line for each goal. Time is the CPU time of the deleting process: it does not depend on who else uses the machine. */
export function goalLines({ plan, results, idle = [], longRun }) {
  const modes = [...new Set(results.filter(({ mode, reason }) => mode && !reason).map(({ mode }) => mode))];
  const workload = plan.workloads.find(({ name }) => name === 'tmpfs');
  const rows = workload === undefined ? [] : summarizeWorkload(results, workload);
  return [
    ...modes.flatMap((mode) => [...timeGoals(rows, mode), ...memoryGoals(results, mode)]),
    ...idle.flatMap(idleGoals),
    ...(longRun ? longRunGoals(longRun) : []),
  ];
}
