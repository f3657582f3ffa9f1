/** Code of the error of a file that somebody removed: what is written to it is gone with it. */
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
  /** Whether opening the target anew can help after the failure that was told last. */
  readonly replaceable: boolean;
  /** Tells whether the target still has a name: an error with the code `REMOVED` when it was taken away. */
  lookForName(done: (error: NodeJS.ErrnoException | null) => void): void;
  /** Removes the beginning of a line, `part`, from the end of the target. False when it cannot, or others wrote behind it. */
  cutTail(part: Buffer): boolean;
  close(): void;
}
