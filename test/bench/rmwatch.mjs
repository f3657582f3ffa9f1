/** rmwatch itself as a listener, run as an operator would, with the sets of watches that are compared. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { get, lost, parseMetrics } from '../kernel/guest/daemon.mjs';
import { ListenerProcess } from './listener-process.mjs';

const NO_SELF_TEST = { self_test: { interval: 'off' } };

const matching = (roots) => ({
  name: 'bench',
  include: Object.values(roots).map((root) => `${root}/**`),
});

/** Others that are there but want nothing of what is deleted. */
const elsewhere = (count) =>
  Array.from({ length: count }, (_, number) => ({
    name: `tenant-${number}`,
    include: [`/srv/tenants/${number}/data/**`],
    exclude: ['*.tmp'],
  }));

const VARIANTS = [
  { name: 'one watch', watches: (roots) => [matching(roots)], tells: 'lines' },
  { name: 'no match', watches: () => elsewhere(1), tells: 'nothing' },
  { name: 'metrics only', watches: (roots) => [{ ...matching(roots), log: false }], tells: 'counters' },
  {
    name: 'many watches',
    watches: (roots, count) => [...elsewhere(count - 1), matching(roots)],
    tells: 'lines',
  },
];

const sum = (metrics, name) =>
  Object.entries(metrics)
    .filter(([key]) => key.startsWith(name))
    .reduce((total, [, value]) => total + value, 0);

export class RmwatchProcess extends ListenerProcess {
  /** `program`: its command line, given options for Node.js; `discard`: events go to /dev/null instead of a file. */
  constructor({ program, mode, watches, outputs, quietMs, discard = false, nodeOptions = [] }) {
    const name = `rmwatch-${mode}`;
    const config = path.join(outputs, `${name}.yaml`);
    const socket = path.join(outputs, `${name}.sock`);
    fs.mkdirSync(outputs, { recursive: true });
    // JSON is YAML.
    fs.writeFileSync(config, JSON.stringify({ watches, ...NO_SELF_TEST, http: { listen: `unix:${socket}` } }));
    const outputFile = path.join(outputs, `${name}.json`);
    const log = discard ? [] : ['--log', outputFile];
    const command = [...program(nodeOptions), 'run', '--attach', mode, '--config', config, '--format', 'json', ...log];
    super({ name, command, outputs, quietMs, outputFile, discard });
    this.socket = socket;
  }

  isReady() {
    return get(this.socket, '/-/ready').then(
      ({ status }) => status === 200,
      () => false,
    );
  }

  async metrics() {
    return parseMetrics((await get(this.socket, '/metrics')).body);
  }

  /** Like settle(), but on a busy machine a daemon that gets no CPU looks settled: nothing may be left in its ring. */
  async drained() {
    for (;;) {
      const cpuSeconds = await this.settle();
      const metrics = await this.metrics();
      if (metrics.rmwatch_ring_buffer_used_bytes === 0) return { cpuSeconds, metrics };
    }
  }
}

/** What a run changed in the daemon's own counters. */
function account(before, after) {
  const change = (name) => sum(after, name) - sum(before, name);
  return {
    counted: change('rmwatch_deletions_total'),
    delivered: change('rmwatch_events_delivered_total'),
    filtered: change('rmwatch_events_filtered_total'),
    lost: lost(after) - lost(before),
  };
}

/** Why a run's figures mean nothing, or undefined. */
function invalidity(tells, { told, counted, delivered, filtered, lost: lostEvents }, deletions) {
  if (lostEvents > 0) return `${lostEvents} lost`;
  if (tells === 'nothing') return filtered < deletions ? `${filtered} of ${deletions} seen` : undefined;
  if (counted !== deletions) return `${counted} of ${deletions} counted`;
  if (tells === 'lines' && (told !== deletions || delivered !== deletions)) return `${told} of ${deletions} told`;
  return undefined;
}

function listener({ variant, mode, program, roots, plan, reason }) {
  const name = `rmwatch ${mode}, ${variant.name}`;
  return {
    name,
    reason,
    mode,
    variant: variant.name,
    tells: variant.tells,
    async start({ outputs, quietMs }) {
      const daemon = new RmwatchProcess({
        program,
        mode,
        watches: variant.watches(roots, plan.watches),
        outputs,
        quietMs,
      });
      await daemon.ready(() => daemon.isReady());
      let before;
      return {
        pid: daemon.pid,
        async begin() {
          before = await daemon.metrics();
          await daemon.settle();
          daemon.begin();
        },
        async end({ deletions }) {
          const { cpuSeconds, metrics } = await daemon.drained();
          const told = daemon.countLines((line) => line.includes('"dataset":"rmwatch.deletion"'));
          const counts = { told, ...account(before, metrics) };
          return { ...counts, cpuSeconds, invalid: invalidity(variant.tells, counts, deletions) };
        },
        memory: () => daemon.memory(),
        stop: () => daemon.stop(),
      };
    },
  };
}

/** What the daemon says of each attach mode here: undefined when it works, else why not. */
export function attachModes(program) {
  const [command, ...args] = [...program([]), 'doctor', '--json'];
  let text;
  try {
    text = execFileSync(command, args, { encoding: 'utf8' });
  } catch (error) {
    text = error.stdout;
  }
  const { attach, findings } = JSON.parse(text);
  const modes = findings.filter(({ check }) => check.startsWith('attach '));
  return {
    preferred: attach,
    reasons: Object.fromEntries(
      modes.map(({ check, state, message }) => [check.slice('attach '.length), state === 'ok' ? undefined : message]),
    ),
  };
}

/** One listener for each attach mode that the plan wants and each set of watches. */
export function rmwatchListeners({ program, modes, roots, plan }) {
  return Object.entries(modes.reasons)
    .filter(([mode]) => plan.modes === undefined || plan.modes.includes(mode))
    .flatMap(([mode, reason]) => VARIANTS.map((variant) => listener({ variant, mode, program, roots, plan, reason })));
}

export const oneMatchingWatch = (roots) => [matching(roots)];
