/**
 * Instructions of one call with rmwatch and without, in kernels of guests: instructions [KERNEL:MODE[,MODE...]]... [--build DIR]...
 *
 * The guest has one processor whose clock counts instructions, so other load on the machine changes nothing and two builds can
 * be compared: each `--build` names a directory that `npm run stage` filled; the default is this tree. Prints one JSON line for each
 * measurement.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runGuest } from '../guest/harness/guest.js';
import { bundleProgram } from '../lib/bundle.js';
import { stageProduct } from './guest.js';
import type { Instructions } from './in-guest-instructions.js';
import { buildPrograms } from './programs.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const CELLS = ['5.10:kprobe', '6.12:kprobe,fentry', '7.x:kprobe,fentry'];
const TIMEOUT_SECONDS = 1_800;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { build: { type: 'string', multiple: true } },
});
process.env['RMWATCH_ACCEL'] = 'counted';
const stage = values.build === undefined ? stageProduct() : undefined;
const builds = values.build ?? (stage === undefined ? [] : [stage.directory]);
try {
  const programs = buildPrograms();
  const program = await bundleProgram(path.join(root, 'test/bench/in-guest-instructions.ts'));
  for (const cell of positionals.length > 0 ? positionals : CELLS) {
    const [kernel = '', modes] = cell.split(':');
    const places = builds.map((_, index) => `/opt/builds/${index}`);
    const guest = await runGuest<Instructions>({
      kernel,
      label: 'instructions',
      cpus: 1,
      initrdFiles: {
        [path.join(programs, 'calls')]: '/opt/calls',
        [program]: '/opt/in-guest-instructions.mjs',
        ...Object.fromEntries(builds.map((build, index) => [path.resolve(build), `/opt/builds/${index}`])),
      },
      command: `node /opt/in-guest-instructions.mjs /opt/calls ${modes} ${places.join(' ')}`,
      timeoutSeconds: TIMEOUT_SECONDS,
    });
    if (guest.exitCode !== 0) throw new Error(`the guest failed, exit ${guest.exitCode}: see ${guest.runDir}`);
    for (const result of guest.results) {
      const build = builds[places.indexOf(result.build)] ?? result.build;
      console.log(JSON.stringify({ kernel, release: guest.release, ...result, build }));
    }
  }
} finally {
  stage?.dispose();
}
