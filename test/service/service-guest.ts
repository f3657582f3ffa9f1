import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { type GuestDisk, type GuestResult, runGuest } from '../guest/harness/guest.js';
import { ensureDebianRoot } from '../guest/harness/systemd-root.js';
import type { Check } from '../guest/scenarios/checks.js';
import { PLAN_FILE, RECORDS, type SessionReport } from '../guest/scenarios/plan.js';
import { SessionRecord } from '../guest/scenarios/record-files.js';
import { bundleProgram } from '../lib/bundle.js';
import { judgeSystemd } from './judge-systemd.js';
import type { FlavoursSession, ServiceSession, SystemdRecording } from './sessions.js';

interface ServiceGuestOptions {
  /** Of test/guest/harness/kernels.json. */
  readonly kernel: string;
  /** Of Debian, in the same file. */
  readonly release: string;
  readonly session: ServiceSession | FlavoursSession;
  /** Files here, and their paths in the guest. */
  readonly files: Readonly<Record<string, string>>;
  readonly disks?: readonly GuestDisk[];
  /** Of kernels.json. */
  readonly modules?: readonly string[];
  /** The package that is there at the beginning. */
  readonly installed: string;
  /** Runs the recorder. */
  readonly node: string;
}

const RECORDER = '/opt/recorder/recorder.mjs';
const TIMEOUT_SECONDS = 1_500;

/** A package under a real systemd: the guest records, and what it recorded is judged here. */
export class ServiceGuest {
  private constructor(
    private readonly result: GuestResult<SessionReport>,
    private readonly checks: readonly Check[],
  ) {}

  static async run({
    kernel,
    release,
    session,
    files,
    disks = [],
    modules = [],
    installed,
    node,
  }: ServiceGuestOptions): Promise<ServiceGuest> {
    const recorder = fileURLToPath(new URL('../guest/scenarios/recorder.ts', import.meta.url));
    const result = await runGuest<SessionReport>({
      kernel,
      label: session.name,
      disks,
      modules,
      root: await ensureDebianRoot({ release }),
      initrdFiles: { ...files, [await bundleProgram(recorder)]: RECORDER },
      texts: { [PLAN_FILE]: JSON.stringify([session]) },
      command: `apt-get install -qq -y ${installed} && ${node} ${RECORDER}`,
      outputs: [RECORDS],
      timeoutSeconds: TIMEOUT_SECONDS,
    });
    const { outputDir, runDir, seconds } = result;
    console.log(`${session.name} on Debian ${release}, Linux ${kernel}: ${seconds} s, see ${runDir}`);
    const checks =
      outputDir === undefined ? [] : judgeSystemd(new SessionRecord<SystemdRecording>(outputDir, session.name));
    for (const { name, problems, facts } of checks) {
      console.log(`  ${problems.length === 0 ? 'ok' : 'NOT OK'} ${name}: ${facts ?? ''}`);
    }
    return new ServiceGuest(result, checks);
  }

  /** The check was made, once, and found nothing wrong. */
  expectOk(name: string): void {
    const found = this.checks.filter((one) => one.name === name);
    expect(
      found.map(({ problems }) => problems),
      `see ${this.result.runDir}`,
    ).toEqual([[]]);
  }

  /** These checks were made and no others, and the kernel complains of nothing. */
  expectDone(names: readonly string[]): void {
    expect(this.result.exitCode, `see ${this.result.runDir}`).toBe(0);
    expect(this.result.splats).toEqual([]);
    expect(this.checks.map(({ name }) => name)).toEqual(names);
  }
}
