/** From samples to the figures that are shown and judged. */
import type { Workload } from './plan.js';
import type { Result, Sample } from './rounds.js';
import { median, type Spread, spread } from './statistics.js';

type Cost = 'cpuNs' | 'wallNs';

const perDeletion = (field: Cost) => (sample: Sample) => sample[field] / sample.deletions;

/** What a listener adds, by rounds: its figure less nobody's of the same round. */
function added(samples: readonly Sample[], alone: readonly Sample[], field: Cost): number {
  const rounds = Math.min(samples.length, alone.length);
  const cost = perDeletion(field);
  return median(Array.from({ length: rounds }, (_, round) => cost(samples[round]!) - cost(alone[round]!)));
}

/** The figures of one listener at one workload. NaN where there was nothing to measure. */
export interface Row {
  readonly name: string;
  readonly mode?: string | undefined;
  readonly variant?: string | undefined;
  readonly cpuNs: Spread | undefined;
  readonly wallNs: Spread | undefined;
  readonly addedCpuNs: number;
  readonly addedWallNs: number;
  /** Its share of what bpftrace adds. */
  readonly ratioCpu?: number;
  readonly ratioWall?: number;
  /** How much of what was deleted it told. */
  readonly told: number | undefined;
  readonly lost: number;
  readonly cpuUsPerLine: Spread | undefined;
  /** How many rounds are not valid. */
  readonly invalid: number;
  readonly rounds: number;
}

function summarize(result: Result, workload: Workload, alone: readonly Sample[]): Row {
  const samples = result.samples[workload.name] ?? [];
  const told = samples.flatMap(({ counted, told, deletions }) => {
    const events = counted ?? told;
    return events === undefined ? [] : [events / deletions];
  });
  const costs = samples.flatMap(({ told = 0, cpuSeconds = 0 }) => (told > 0 ? [(cpuSeconds * 1e6) / told] : []));
  return {
    name: result.name,
    mode: result.mode,
    variant: result.variant,
    cpuNs: spread(samples.map(perDeletion('cpuNs'))),
    wallNs: spread(samples.map(perDeletion('wallNs'))),
    addedCpuNs: added(samples, alone, 'cpuNs'),
    addedWallNs: added(samples, alone, 'wallNs'),
    told: told.length > 0 ? median(told) : undefined,
    lost: samples.reduce((sum, sample) => sum + (sample.lost ?? 0), 0),
    cpuUsPerLine: spread(costs),
    invalid: samples.filter((sample) => sample.invalid !== undefined).length,
    rounds: samples.length,
  };
}

/** For each listener that was measured at this workload. `results`: with nobody among them. */
export function summarizeWorkload(results: readonly Result[], workload: Workload): Row[] {
  const alone = results.find(({ name }) => name === 'nobody')?.samples[workload.name] ?? [];
  const rows = results
    .filter(({ samples }) => (samples[workload.name] ?? []).length > 0)
    .map((result) => summarize(result, workload, alone));
  const reference = rows.find(({ name }) => name === 'bpftrace');
  if (reference === undefined) return rows;
  return rows.map((row) =>
    row.name === 'nobody'
      ? row
      : {
          ...row,
          ratioCpu: row.addedCpuNs / reference.addedCpuNs,
          ratioWall: row.addedWallNs / reference.addedWallNs,
        },
  );
}

/** The largest figures of all rounds. */
export function largestMemory({ memory }: Result): { peakBytes: number; anonymousBytes: number } | undefined {
  if (memory.length === 0) return undefined;
  const largest = (field: 'peakBytes' | 'anonymousBytes') => Math.max(...memory.map((sample) => sample[field]));
  return { peakBytes: largest('peakBytes'), anonymousBytes: largest('anonymousBytes') };
}
