/** From samples to the figures that are shown and judged. */
import { median, spread } from './statistics.mjs';

const perDeletion = (field) => (sample) => sample[field] / sample.deletions;

/** What a listener adds, by rounds: its figure less nobody's of the same round. */
function added(samples, alone, field) {
  const rounds = Math.min(samples.length, alone.length);
  const differences = Array.from(
    { length: rounds },
    (_, round) => perDeletion(field)(samples[round]) - perDeletion(field)(alone[round]),
  );
  return differences.length === 0 ? undefined : median(differences);
}

function summarize(result, workload, alone) {
  const samples = result.samples[workload.name];
  const told = samples.map((sample) => (sample.counted ?? sample.told) / sample.deletions);
  const costs = samples.filter((sample) => sample.told > 0).map((sample) => (sample.cpuSeconds * 1e6) / sample.told);
  return {
    name: result.name,
    mode: result.mode,
    variant: result.variant,
    cpuNs: spread(samples.map(perDeletion('cpuNs'))),
    wallNs: spread(samples.map(perDeletion('wallNs'))),
    addedCpuNs: added(samples, alone, 'cpuNs'),
    addedWallNs: added(samples, alone, 'wallNs'),
    told: told.some(Number.isFinite) ? median(told) : undefined,
    lost: samples.reduce((sum, sample) => sum + (sample.lost ?? 0), 0),
    cpuUsPerLine: spread(costs),
    invalid: samples.filter((sample) => sample.invalid !== undefined).length,
    rounds: samples.length,
  };
}

/**
 * @param {object[]} results of measureRounds, with nobody among them
 * @returns {object[]} for each listener that was measured: its figures, and its share of what bpftrace adds
 */
export function summarizeWorkload(results, workload) {
  const alone = results.find(({ name }) => name === 'nobody').samples[workload.name];
  const rows = results
    .filter(({ samples }) => samples[workload.name].length > 0)
    .map((result) => summarize(result, workload, alone));
  const reference = rows.find(({ name }) => name === 'bpftrace');
  for (const row of rows) {
    if (reference === undefined || row.name === 'nobody') continue;
    row.ratioCpu = row.addedCpuNs / reference.addedCpuNs;
    row.ratioWall = row.addedWallNs / reference.addedWallNs;
  }
  return rows;
}

/** The largest figures of all rounds. */
export function largestMemory({ memory }) {
  if (memory.length === 0) return undefined;
  const largest = (field) => Math.max(...memory.map((sample) => sample[field]));
  return { peakBytes: largest('peakBytes'), anonymousBytes: largest('anonymousBytes') };
}
