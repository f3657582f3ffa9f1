import type { LoggedDeletion } from '../search/logged-event.js';
import type { SocketCounters } from '../socket/socket-counters.js';
import { Rates } from './rates.js';
import { SpaceSaving } from './space-saving.js';

export const LISTS = ['process', 'user', 'directory'] as const;
export type List = (typeof LISTS)[number];

export const SORTS = ['rate', 'total', 'freed', 'name'] as const;
export type Sort = (typeof SORTS)[number];

/** Keys of each list that are counted. */
const KEYS_MAX = 1000;
/** A filter is typed; more would not be seen. */
const FILTER_MAX = 60;

/** What `rmwatch top` knows, and how it is to be shown. */
export class TopState {
  readonly rates = new Rates();
  counters: SocketCounters | undefined;
  lists: Readonly<Record<List, SpaceSaving>> = emptyLists();
  /** Since when the lists count (Unix time, milliseconds). */
  sinceMs = Date.now();
  /** Lines that the lists miss, because they were not read fast enough. */
  lostLines = 0;
  /** The daemon is there. */
  connected = true;
  sort: Sort = 'rate';
  filter = '';
  /** The filter is being typed. */
  editing = false;
  /** What is shown stays as it is; the counting goes on. */
  paused = false;

  add({ file, process, user, rmwatch, event }: LoggedDeletion): void {
    if (event.outcome !== 'success') return;
    const freed = rmwatch.freed_bytes ?? 0;
    this.lists.process.add(process.executable ?? process.name, freed);
    this.lists.user.add(user.name ?? user.id, freed);
    this.lists.directory.add(file?.directory ?? '(unknown)', freed);
  }

  take(counters: SocketCounters, atMs: number): void {
    this.counters = counters;
    this.rates.take(counters, atMs);
  }

  /** A key that was pressed, or several at once as a terminal sends what is pasted. Returns whether it ends the view. */
  press(keys: string): boolean {
    // Arrows and the like are one sequence, and mean nothing here.
    if (keys.startsWith('\x1b') && keys.length > 1) return false;
    return [...keys].some((key) => (this.editing ? this.edit(key) : this.command(key)));
  }

  private command(key: string): boolean {
    switch (key) {
      case 'q':
      case '\x03':
        return true;
      case 'p':
      case ' ':
        this.paused = !this.paused;
        return false;
      case 's':
        this.sort = SORTS[(SORTS.indexOf(this.sort) + 1) % SORTS.length]!;
        return false;
      case '/':
        this.editing = true;
        return false;
      case 'r':
        this.reset();
        return false;
      case '\x1b':
        this.filter = '';
        return false;
      default:
        return false;
    }
  }

  private edit(key: string): boolean {
    switch (key) {
      case '\x03':
        return true;
      case '\r':
      case '\n':
        this.editing = false;
        return false;
      case '\x1b':
        this.filter = '';
        this.editing = false;
        return false;
      case '\x7f':
      case '\b':
        this.filter = [...this.filter].slice(0, -1).join('');
        return false;
      default:
        if (key >= ' ' && this.filter.length < FILTER_MAX) this.filter += key;
        return false;
    }
  }

  private reset(): void {
    this.lists = emptyLists();
    this.sinceMs = Date.now();
    this.lostLines = 0;
  }
}

function emptyLists(): Record<List, SpaceSaving> {
  return { process: new SpaceSaving(KEYS_MAX), user: new SpaceSaving(KEYS_MAX), directory: new SpaceSaving(KEYS_MAX) };
}
