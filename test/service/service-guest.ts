import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { bundleEventLines } from '../event-lines/bundle.js';
import { runGuest } from '../guest/harness/guest.js';
import { ensureDebianRoot } from '../guest/harness/systemd-root.js';

/** What the scripts of guest/ report. */
interface Check {
  readonly check: string;
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly seconds: number;
}

interface GuestResult {
  readonly exitCode: number;
  readonly results: readonly Check[];
  readonly splats: readonly string[];
  readonly seconds: number;
  readonly runDir: string;
}

interface ServiceGuestOptions {
  readonly kernel: string;
  /** Of Debian, see test/guest/harness/kernels.json. */
  readonly release: string;
  /** Paths in the guest by those here. */
  readonly packages: Readonly<Record<string, string>>;
  /** Shell text; the scripts are in /opt/guest. */
  readonly command: string;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** A package under a real systemd. */
export class ServiceGuest {
  private constructor(private readonly result: GuestResult) {}

  static async run({ kernel, release, packages, command }: ServiceGuestOptions): Promise<ServiceGuest> {
    const result = (await runGuest({
      kernel,
      label: `service-${release}`,
      root: await ensureDebianRoot({ release }),
      initrdFiles: {
        ...packages,
        [await bundleEventLines()]: '/opt/event-lines/event-lines.mjs',
        [here('guest')]: '/opt/guest',
        [here('../kernel/guest')]: '/opt/kernel-guest',
      },
      command,
      timeoutSeconds: 1_500,
    })) as GuestResult;
    console.log(`the service on Debian ${release}, Linux ${kernel}: ${result.seconds} s, see ${result.runDir}`);
    for (const { check, ok, seconds, problems: _, ...facts } of result.results) {
      console.log(`  ${ok ? 'ok' : 'NOT OK'} ${check}: ${seconds} s ${JSON.stringify(facts)}`);
    }
    return new ServiceGuest(result);
  }

  /** The check was made, once, and found nothing wrong. */
  expectOk(check: string): void {
    const found = this.result.results.filter((one) => one.check === check);
    expect(
      found.map(({ ok, problems }) => ({ ok, problems })),
      `see ${this.result.runDir}`,
    ).toEqual([{ ok: true, problems: [] }]);
  }

  /** These checks were made and no others, and the kernel complains of nothing. */
  expectDone(checks: readonly string[]): void {
    expect(this.result.exitCode, `see ${this.result.runDir}`).toBe(0);
    expect(this.result.splats).toEqual([]);
    expect(this.result.results.map(({ check }) => check)).toEqual(checks);
  }
}
