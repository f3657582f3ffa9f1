/** What is built once for a run and shared by all its rows: the staged tree, the programs of the guests, packages. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleProgram } from '../lib/bundle.js';
import { staticProgram } from '../lib/static-program.js';
import { buildWorkload } from '../workload/build.js';
import type { GuestFiles } from './guest-plan.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export class Products {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-run-'));
  private files: Promise<GuestFiles> | undefined;

  /** For the processes of the rows, which find here what was built for others. */
  get environment(): NodeJS.ProcessEnv {
    const packages = path.join(this.directory, 'packages');
    fs.mkdirSync(packages, { recursive: true });
    return { RMWATCH_TEST_STAGE: this.stage(), RMWATCH_TEST_PACKAGES: packages };
  }

  guestFiles(): Promise<GuestFiles> {
    this.files ??= this.makeGuestFiles();
    return this.files;
  }

  /** The tree that a package would install. */
  private stage(): string {
    const stage = path.join(this.directory, 'stage');
    if (!fs.existsSync(stage)) {
      execFileSync(process.execPath, [path.join(ROOT, 'scripts/stage.mjs'), stage], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
    }
    return stage;
  }

  private async makeGuestFiles(): Promise<GuestFiles> {
    return {
      stage: this.stage(),
      deleter: staticProgram(path.join(ROOT, 'test/guest/programs/deleter.c')),
      contention: staticProgram(path.join(ROOT, 'test/guest/programs/contention.c'), '-pthread'),
      bpfStatistics: staticProgram(path.join(ROOT, 'test/bench/program/bpf_statistics.c')),
      oddMounts: staticProgram(path.join(ROOT, 'test/guest/programs/odd_mounts.c')),
      cases: buildWorkload(),
      recorder: await bundleProgram(path.join(ROOT, 'test/guest/scenarios/recorder.ts')),
    };
  }

  dispose(): void {
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}
