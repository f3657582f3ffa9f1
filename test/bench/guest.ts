/** The same measurement on a real kernel in QEMU, where the attach modes can be tried that the machine itself refuses. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runGuest } from '../guest/harness/guest.js';
import { hostNode } from '../guest/harness/host-node.js';
import { ensureDebianRoot } from '../guest/harness/systemd-root.js';
import { bundleProgram } from '../lib/bundle.js';
import type { Measured, MeasureOptions } from './measure.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const PACKAGES = ['bpftrace', 'inotify-tools', 'fatrace', 'auditd'];
const TIMEOUT_SECONDS = 7_200;
const PLAN_FILE = '/opt/bench/plan.json';

/** The tree that a package would install; `dispose` removes it. */
export function stageProduct(): { directory: string; dispose(): void } {
  const parent = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-stage-'));
  const directory = path.join(parent, 'stage');
  execFileSync('node', [path.join(root, 'scripts/stage.mjs'), directory], { stdio: ['ignore', 'ignore', 'inherit'] });
  return { directory, dispose: () => fs.rmSync(parent, { recursive: true, force: true }) };
}

interface GuestBench extends Pick<MeasureOptions, 'plan' | 'programs' | 'say'> {
  readonly kernel: string;
}

/** Boots the kernel once and measures everything in it. */
export async function measureGuest(bench: GuestBench): Promise<Measured & { readonly release: string }> {
  const { kernel, plan, programs, say } = bench;
  const stage = stageProduct();
  const node = hostNode();
  const program = await bundleProgram(path.join(root, 'test/bench/in-guest.ts'));
  say(`in a guest with kernel ${kernel}: this takes a while`);
  try {
    const guest = await runGuest<Measured>({
      kernel,
      label: 'bench',
      root: await ensureDebianRoot({ packages: PACKAGES, mode: 'command' }),
      initrdFiles: {
        ...node.files,
        [stage.directory]: '/stage',
        [programs]: '/opt/bench/programs',
        [program]: '/opt/bench/in-guest.mjs',
      },
      texts: { ...node.texts, [PLAN_FILE]: JSON.stringify(plan) },
      command: `chmod 755 /opt/node/wrapper && ln -s /opt/node/wrapper /usr/local/bin/node &&
        node /opt/bench/in-guest.mjs ${PLAN_FILE} /opt/bench/programs`,
      memoryMiB: 4_096,
      timeoutSeconds: TIMEOUT_SECONDS,
    });
    const measured = guest.results.at(-1);
    if (guest.exitCode !== 0 || measured === undefined) {
      throw new Error(`the guest failed, exit ${guest.exitCode}: see ${guest.runDir}`);
    }
    for (const splat of guest.splats) say(`the guest's kernel said: ${splat}`);
    return { ...measured, release: guest.release };
  } finally {
    stage.dispose();
  }
}
