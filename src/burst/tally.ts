import type { ResolvedPath } from '../deletion/resolved-path.js';
import { type TopCount, TopCounts } from './top-counts.js';

/** Keys that are counted exactly; a count costs memory for a path. */
const DIRECTORIES_MAX = 256;
const OTHERS_MAX = 64;
/** Entries that a line tells. */
const TOLD_MAX = 10;
const SAMPLES_MAX = 5;
/** A longer one is no extension, and names are chosen by whoever deletes. */
const EXTENSION_BYTES_MAX = 16;
const SLASH = 0x2f;
const DOT = 0x2e;

/** What deletions have in common. Paths and names are latin1 views. */
export interface TallyReport {
  /** The directory above all of them; undefined: not known. */
  readonly directory: string | undefined;
  readonly directories: readonly TopCount[];
  /** With their dots; '' stands for names without one. */
  readonly extensions: readonly TopCount[];
  readonly programs: readonly TopCount[];
  readonly samples: readonly string[];
  /** Counts of the lists may be too low. */
  readonly atLeast: boolean;
}

/** Where deletions happen, what is deleted and by which programs, in bounded memory. */
export class Tally {
  private count = 0;
  private nextSample = 1;
  private readonly directories = new TopCounts(DIRECTORIES_MAX);
  private readonly extensions = new TopCounts(OTHERS_MAX);
  private readonly programs = new TopCounts(OTHERS_MAX);
  private readonly samples: string[] = [];
  private lastDirectory: string | undefined;
  private common: string | undefined;
  private extension = '';
  private extensionBytes: Uint8Array = new Uint8Array(0);

  /** `program`: the name of what deletes. */
  add({ place, text }: ResolvedPath, program: string): void {
    this.count += 1;
    this.programs.add(program);
    if (place === undefined || text === undefined) return;
    const { directory } = place;
    if (directory !== this.lastDirectory) {
      this.lastDirectory = directory;
      this.common = this.common === undefined ? directory : commonParent(this.common, directory);
    }
    this.directories.add(directory);
    this.extensions.add(this.extensionOf(text.bytes, text.name, text.end));
    if (this.count < this.nextSample) return;
    // The first, the fourth, the sixteenth and so on: from all of the burst, however long it is.
    this.nextSample *= 4;
    if (this.samples.length === SAMPLES_MAX) this.samples.shift();
    this.samples.push(text.bytes.toString('latin1', text.start, text.end));
  }

  report(): TallyReport {
    const { directories, extensions, programs } = this;
    return {
      directory: this.common,
      directories: directories.top(TOLD_MAX),
      extensions: extensions.top(TOLD_MAX),
      programs: programs.top(TOLD_MAX),
      samples: [...this.samples],
      atLeast: [directories, extensions, programs].some(({ dropped }) => dropped),
    };
  }

  /** With its dot; '' for a name that has none, or begins with its only one. */
  private extensionOf(bytes: Buffer, name: number, end: number): string {
    let dot = end - 1;
    const lowest = Math.max(name, end - 1 - EXTENSION_BYTES_MAX);
    while (dot > lowest && bytes[dot] !== DOT && bytes[dot] !== SLASH) dot--;
    if (dot <= name || dot === end - 1 || bytes[dot] !== DOT) return '';
    const { extensionBytes: last } = this;
    let at = 0;
    if (last.length === end - dot) while (at < last.length && last[at] === bytes[dot + at]) at++;
    if (at === 0 || at < last.length) {
      this.extensionBytes = Uint8Array.from(bytes.subarray(dot, end));
      this.extension = bytes.toString('latin1', dot, end);
    }
    return this.extension;
  }
}

/** Of directories without a slash at their ends; '' is the root. */
function commonParent(a: string, b: string): string {
  let end = 0;
  for (let at = 0; ; at++) {
    const isEnd = (at === a.length || a[at] === '/') && (at === b.length || b[at] === '/');
    if (isEnd) end = at;
    if (at >= a.length || at >= b.length || a[at] !== b[at]) return a.slice(0, end);
  }
}
