/** The tables, in Markdown. */
import type { IdleFigures } from './idle.js';
import type { KernelStatistics } from './kernel-statistics.js';
import type { LongRun } from './long-run.js';
import type { Measured } from './measure.js';
import type { OtherCalls } from './other-calls.js';
import type { Workload } from './plan.js';
import type { Result } from './rounds.js';
import type { SearchFigures, SearchRow } from './search.js';
import type { Spread } from './statistics.js';
import { largestMemory, type Row, summarizeWorkload } from './summary.js';

const whole = (number: number) => Math.round(number).toLocaleString('en-US');
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
const range = (figures: Spread | undefined, show: (figure: number) => string) =>
  figures === undefined ? '-' : `${show(figures.median)} (${show(figures.lowest)}-${show(figures.highest)})`;
const micro = (number: number) => number.toFixed(2);
const ratio = (number: number | undefined) => (number === undefined ? '-' : number.toFixed(3));

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

function toldText({ told, lost, invalid, rounds }: Row): string {
  const share = told === undefined ? '-' : `${(told * 100).toFixed(told > 0.999 && told < 1 ? 2 : 0)} %`;
  const lostText = lost > 0 ? `, lost ${whole(lost)}` : '';
  const validity = invalid > 0 ? `, **not valid** in ${invalid} of ${rounds}` : '';
  return `${share}${lostText}${validity}`;
}

const WORKLOAD_HEAD = [
  'who listens',
  'CPU ns per deletion',
  'added',
  "of bpftrace's",
  'wall ns per deletion',
  'added',
  "of bpftrace's",
  'told',
  "listener's CPU us per line",
];

function workloadTable(results: readonly Result[], workload: Workload): string {
  const rows = summarizeWorkload(results, workload).map((row) => {
    const alone = row.name === 'nobody';
    return [
      row.name,
      range(row.cpuNs, whole),
      alone ? '-' : whole(row.addedCpuNs),
      ratio(row.ratioCpu),
      range(row.wallNs, whole),
      alone ? '-' : whole(row.addedWallNs),
      ratio(row.ratioWall),
      toldText(row),
      range(row.cpuUsPerLine, micro),
    ];
  });
  return table(WORKLOAD_HEAD, rows);
}

function memoryTable(results: readonly Result[]): string {
  const rows = results.flatMap((result) => {
    const memory = largestMemory(result);
    return memory === undefined ? [] : [[result.name, megabytes(memory.peakBytes), megabytes(memory.anonymousBytes)]];
  });
  return table(['who listens', 'peak RSS', 'of it anonymous, at the end'], rows);
}

function kernelTable({ listeners }: KernelStatistics): string {
  const head = ['who listens', 'BPF program', 'runs', 'ns per run', 'ns per deletion', 'instructions', 'native bytes'];
  const rows = listeners.flatMap(({ name, programs }) =>
    programs.map(({ name: program, runs, ns, deletions, instructions, nativeBytes }) => [
      ...[name, `\`${program}\``, whole(runs), whole(ns / runs), whole(ns / deletions)],
      ...[whole(instructions), whole(nativeBytes)],
    ]),
  );
  return table(head, rows);
}

function otherCallsText({ mode, alone, watched, added }: OtherCalls): string {
  const spans = `${range(alone, whole)} ns without, ${range(watched, whole)} ns with the daemon`;
  return `A system call that deletes nothing, ${mode}: ${spans}, ${whole(added)} ns added.`;
}

function idleText({ mode, seconds, cpuSeconds, wakeUpsPerSecond, residentBytes }: IdleFigures): string {
  const cpu = `${(cpuSeconds * 1000).toFixed(0)} ms of CPU in ${seconds.toFixed(0)} s`;
  return `Idle, ${mode}: ${cpu}, ${wakeUpsPerSecond.toFixed(1)} wake-ups a second, ${megabytes(residentBytes)} resident.`;
}

function longRunTable({ series }: LongRun): string {
  const rows = series.map(({ events, residentBytes, peakBytes, anonymousBytes }) => [
    ...[whole(events), megabytes(residentBytes), megabytes(peakBytes), megabytes(anonymousBytes)],
  ]);
  return table(['events so far', 'RSS', 'peak RSS', 'anonymous'], rows);
}

const seconds = (number: number) => number.toFixed(2);

/** Ratios are to the first, which is rmwatch. */
function searchTable(rows: readonly SearchRow[]): string {
  const head = ['who is asked', 'found', 'seconds', "of rmwatch's", 'CPU seconds', "of rmwatch's"];
  const [first] = rows;
  const share = (figure: Spread | undefined, of: Spread | undefined) =>
    figure === undefined || of === undefined ? '-' : (figure.median / of.median).toFixed(2);
  return table(
    head,
    rows.map(({ tool, reason, found, wallSeconds, cpuSeconds }) => [
      reason === undefined ? tool : `${tool}: ${reason}`,
      found === undefined ? '-' : whole(found),
      ...[range(wallSeconds, seconds), share(wallSeconds, first?.wallSeconds)],
      ...[range(cpuSeconds, seconds), share(cpuSeconds, first?.cpuSeconds)],
    ]),
  );
}

function searchParts({ lines, bytes, rounds, questions }: SearchFigures): string[] {
  const heading = `### Search in a log of ${whole(lines)} lines, ${megabytes(bytes)}, ${rounds} rounds`;
  return [heading, ...questions.flatMap(({ title, rows }) => [`${title}:`, searchTable(rows)])];
}

/** Everything that was measured in one place. */
export function reportText({ title, ...measured }: Measured & { readonly title: string }): string {
  const { machine, plan, results, kernel, otherCalls, idle, longRun, search, reasons } = measured;
  const parts = [`## ${title}`, `${machine}. ${plan.rounds} rounds, medians (lowest-highest).`];
  for (const workload of plan.workloads) {
    const missing = reasons[workload.filesystem];
    const heading = `### ${workload.title}, ${whole(workload.files)} files`;
    parts.push(heading, missing === undefined ? workloadTable(results, workload) : `Not measured: ${missing}`);
  }
  const refused = new Map(
    results.flatMap(({ name, mode, reason }) => (reason ? [[mode ? `rmwatch ${mode}` : name, reason] as const] : [])),
  );
  if (refused.size > 0) {
    parts.push('### Not measured here', [...refused].map(([name, reason]) => `- ${name}: ${reason}`).join('\n'));
  }
  if (results.some(({ memory }) => memory.length > 0)) parts.push('### Memory', memoryTable(results));
  if (kernel?.reason) parts.push(`BPF statistics of the kernel cannot be had: ${kernel.reason}`);
  else if (kernel !== undefined && kernel.listeners.length > 0)
    parts.push('### BPF programs, by the kernel', kernelTable(kernel));
  if (otherCalls) parts.push('### Other calls', otherCallsText(otherCalls));
  if (idle.length > 0) parts.push('### Idle', idle.map(idleText).join('\n'));
  if (longRun) parts.push(`### Memory over ${whole(longRun.deletions)} events, ${longRun.mode}`, longRunTable(longRun));
  if (search) parts.push(...searchParts(search));
  return parts.join('\n\n');
}
