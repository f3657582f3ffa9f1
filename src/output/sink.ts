/** Code of the error of a file that was removed: what is written to it is gone with it. */
export const REMOVED = 'REMOVED';

/** Answer of `Sink.write` when the bytes are on their way and `done` will tell. */
export const PENDING = -1;

export type WriteDone = (error: NodeJS.ErrnoException | null, takenBytes: number) => void;

/**
 * Takes bytes without ever making the event loop wait. One write at a time; `buffer` must stay as it is until the
 * write is done.
 */
export interface Sink {
  /** How many bytes were taken at once, or `PENDING`. Throws, or tells `done`, the system's error. */
  write(buffer: Buffer, start: number, end: number, done: WriteDone): number;
  /** For the last moment of the process: how many bytes were taken, 0 when nothing fits now. */
  writeNow(buffer: Buffer, start: number, end: number): number;
  /** Whether bytes of a pending write reach the target although the process ends now. */
  readonly pendingSurvivesExit: boolean;
  /** Whether opening the target again can help after the last failure. */
  readonly replaceable: boolean;
  /** Whether the target is a file that holds nothing yet. */
  readonly isEmptyFile: boolean;
  /** Reports whether the target still has a name: an error with the code `REMOVED` when it was taken away. */
  lookForName(done: (error: NodeJS.ErrnoException | null) => void): void;
  /**
   * Whether the rest of a line can follow its beginning, `part`, that was written before. False: the target does not end
   * with `part`, as after a truncation. The line is then to be written from its start, and gets a line of its own.
   */
  continues(part: Buffer): boolean;
  /** Removes the beginning of a line, `part`, from the end of the target. False when it cannot, or others wrote behind it. */
  cutTail(part: Buffer): boolean;
  close(): void;
}
