import type { KnownMounts } from '../host/mount-table.js';
import type { MountWatch } from '../host/native-mounts.js';
import { inSlices, type Steps } from '../model/steps.js';
import { isNativeError } from '../probe/native-probe.js';
import { TimeBudget } from './time-budget.js';

/** Mount tables of hosts with many containers change in bursts. */
const SETTLE_MS = 50;
/** Pause before the mounts are read again where that failed, or changes are not told. */
const RETRY_MS = 5_000;
/** The same where they changed all the time. */
const BUSY_MS = 500;
/** Where changes are not told, an unknown device is reason enough to read again after so long. */
const UNTOLD_MS = 1_000;
/**
 * Of the time of the event loop, for reading and again for what follows a change: a new filter costs more than a table, and must
 * not keep a record from the mounts of its moment. A table of 5,000 mounts takes some 25 ms to read.
 */
const SHARE = 0.1;

export interface MountParts {
  /** Reads the mounts of this host; undefined: they say nothing in this mode. Throws as fs does. */
  readMounts(): KnownMounts | undefined;
  /** Calls back when the mounts of this host change; undefined: there is nothing to follow. Throws a NativeError. */
  watchMounts(onChange: () => void): MountWatch | undefined;
  onProblem(message: string): void;
}

/**
 * The mounts of this host, as new as a record needs them. They are read when the kernel says that they changed, never
 * because of what a record holds: whoever has a mount namespace of their own can make any number of unknown devices.
 */
export class FollowedMounts {
  private readonly reading = new TimeBudget(SHARE);
  private readonly following = new TimeBudget(SHARE);
  private known: KnownMounts | undefined;
  private readAt = 0;
  /** Changed since they were read. */
  private isStale = false;
  private watch: MountWatch | undefined;
  private timer: NodeJS.Timeout | undefined;
  private polling: NodeJS.Timeout | undefined;
  private isFollowing = false;
  private readonly closing = new AbortController();

  /**
   * `onChange` is done when the mounts have changed and settled, and after a failure; they are read by then. In slices, and once
   * at a time.
   */
  constructor(
    private readonly parts: MountParts,
    private readonly onChange: () => Steps<void>,
  ) {
    this.read();
  }

  /** As they were read last. */
  get newest(): KnownMounts | undefined {
    return this.known;
  }

  /**
   * Whether the newest are those of this moment, and no change waits for its callback, which follows soon otherwise. undefined:
   * changes are not told here.
   */
  get isSettled(): boolean | undefined {
    if (this.watch === undefined) return undefined;
    this.isStale ||= this.watch.changed();
    if (this.isStale) this.renewSoon();
    return this.timer === undefined && !this.isFollowing;
  }

  /** Looks for changes from now on. */
  follow(): void {
    try {
      this.watch = this.parts.watchMounts(() => this.renewSoon());
      // What changed before this moment is not told.
      this.isStale = true;
    } catch (error) {
      this.parts.onProblem(`cannot follow the mounts of this host: ${(error as Error).message}`);
      this.polling = setInterval(() => this.renewSoon(), RETRY_MS);
    }
  }

  /** As they are at this moment; 'unknown' when they changed and reading them again has to wait. */
  now(): KnownMounts | undefined {
    this.isStale ||= this.watch?.changed() === true;
    if (!this.isStale) return this.known;
    if (this.reading.waitMs > 0) return 'unknown';
    return this.read();
  }

  /** As now(), for a device that the newest do not know: a container may delete before the news of its mounts arrives. */
  for(device: number): KnownMounts | undefined {
    if (knows(this.known, device)) return this.known;
    if (this.watch === undefined && performance.now() - this.readAt >= UNTOLD_MS) this.isStale = true;
    const before = this.known;
    const mounts = this.now();
    if (this.known !== before) this.renewSoon();
    return mounts;
  }

  /** Reads them again, whether they changed or not. */
  read(): KnownMounts | undefined {
    this.isStale = false;
    try {
      this.known = this.reading.spend(() => this.parts.readMounts());
    } catch (error) {
      if (this.known !== 'unknown') {
        this.parts.onProblem(`cannot read the mounts of this host: ${(error as Error).message}`);
      }
      this.known = 'unknown';
      this.renewSoon(isNativeError(error) && error.code === 'EAGAIN' ? BUSY_MS : RETRY_MS);
    }
    this.readAt = performance.now();
    return this.known;
  }

  /** Calls back soon, with what is mounted then. */
  renewSoon(delayMs = SETTLE_MS): void {
    this.timer ??= setTimeout(
      () => {
        this.timer = undefined;
        if (this.isFollowing) {
          this.renewSoon();
          return;
        }
        this.read();
        void this.followChange();
      },
      Math.max(delayMs, this.reading.waitMs, this.following.waitMs),
    );
  }

  close(): void {
    clearTimeout(this.timer);
    clearInterval(this.polling);
    this.closing.abort();
    this.watch?.close();
  }

  private async followChange(): Promise<void> {
    const { signal } = this.closing;
    try {
      await inSlices(this.followSteps(), signal, (work) => this.following.spend(work));
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  private *followSteps(): Steps<void> {
    this.isFollowing = true;
    try {
      yield* this.onChange();
    } finally {
      this.isFollowing = false;
    }
  }
}

function knows(mounts: KnownMounts | undefined, device: number): boolean {
  return mounts === 'unknown' || mounts?.knows(device) === true;
}
