import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkedLines } from './checked-lines.js';
import { Daemon, type DaemonConfig, type DaemonOptions, type SpawnOptions } from './daemon.js';
import { waitUntil } from './wait-until.js';

const PROGRAM = [
  process.execPath,
  // As the commands of package.json and of packages have it.
  '--max-semi-space-size=4',
  '--inspect-port=[fe80::1]:9229',
];
const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const HEARTBEAT = fileURLToPath(new URL('loop-heartbeat.mjs', import.meta.url));
/** Less than a test may take, so that it can say why. */
const START_TIMEOUT_MS = 50_000;

/** A daemon of this checkout on this machine, in directories of its own. */
export class HostDaemon extends Daemon {
  /** A directory for what is deleted. */
  readonly work: string;

  constructor(options: Pick<DaemonOptions, 'listen'> & { readonly measuresLoop?: boolean } = {}) {
    const work = mkdtempSync(join(tmpdir(), 'rmwatch-work-'));
    const directory = mkdtempSync(join(tmpdir(), 'rmwatch-daemon-'));
    const config = { watches: [{ name: 'work', include: [`${work}/**`] }], self_test: { interval: 'off' } };
    const program = [...PROGRAM, ...(options.measuresLoop ? ['--import', HEARTBEAT] : []), MAIN];
    super({ ...options, program, directory, config, startTimeoutMs: START_TIMEOUT_MS });
    this.work = work;
  }

  /** With `measuresLoop`: where the longest block of the event loop is told, see loop-heartbeat.mjs. */
  private get loopFile(): string {
    return join(this.directory, 'loop');
  }

  override spawn(how: SpawnOptions = {}): void {
    super.spawn({ ...how, environment: { ...(how.environment ?? process.env), RMWATCH_LOOP_FILE: this.loopFile } });
  }

  /** The longest block of the event loop counts from now on. */
  async measureLoop(): Promise<void> {
    writeFileSync(this.loopFile, '');
    await waitUntil('a beat of the event loop', () => readFileSync(this.loopFile, 'utf8') !== '');
  }

  /** Milliseconds of CPU that the event loop was held longest since measureLoop(). */
  get longestBlockMs(): number {
    return Number(readFileSync(this.loopFile, 'utf8'));
  }

  /** `config`: beside `http`; by default one watch, "work", on the work directory, and no self-tests. */
  override configure(config: DaemonConfig): void {
    super.configure({ self_test: { interval: 'off' }, ...config });
  }

  /** The events, when the daemon has come to rest and each of them has its line. */
  // biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
  async settledEvents(): Promise<any[]> {
    await this.settleLog();
    return this.events();
  }

  /**
   * Ends the daemon, if it runs, and removes all that it left; throws when one of the event lines was not of the schema.
   * `expectCheckedLines` in afterAll() says how many there were.
   */
  async dispose(): Promise<void> {
    try {
      if (this.isRunning) await this.stop('SIGKILL');
      for (const file of this.logFiles()) checkedLines.addFile(file);
    } finally {
      this.close();
      rmSync(this.directory, { recursive: true, force: true });
      rmSync(this.work, { recursive: true, force: true });
    }
  }

  /** The log and what was moved away from its place, as far as they are files. */
  private logFiles(): string[] {
    return readdirSync(this.directory)
      .map((name) => join(this.directory, name))
      .filter((file) => file.startsWith(this.eventsFile) && statSync(file).isFile());
  }
}
