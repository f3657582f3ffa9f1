import type { LoggedDeletion } from './logged-event.js';

export const GROUPINGS = ['process', 'user', 'directory', 'watch', 'hour', 'operation', 'extension'] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface Group {
  readonly key: string;
  readonly count: number;
  /** undefined: no line tells; tracepoint mode does not. */
  readonly freedBytes: number | undefined;
  /** There may have been more: the group was left out of memory for a while. */
  readonly atLeast: boolean;
}

/** Groups that are counted exactly; beyond, the smallest half is dropped. */
const GROUPS_MAX = 100_000;

interface Counter {
  count: number;
  freedBytes: number | undefined;
  readonly atLeast: boolean;
}

/** Counts deletions by what they have in common, in bounded memory. */
export class Groups {
  private readonly counters = new Map<string, Counter>();
  private dropped = false;

  constructor(
    private readonly grouping: Grouping,
    private readonly max = GROUPS_MAX,
  ) {}

  /** Not every group that was seen is counted any more. */
  get incomplete(): boolean {
    return this.dropped;
  }

  add(deletion: LoggedDeletion): void {
    const freed = deletion.rmwatch.freed_bytes;
    for (const key of keysOf(deletion, this.grouping)) {
      let counter = this.counters.get(key);
      if (counter === undefined) {
        if (this.counters.size >= this.max) this.drop();
        counter = { count: 0, freedBytes: undefined, atLeast: this.dropped };
        this.counters.set(key, counter);
      }
      counter.count += 1;
      if (freed !== undefined) counter.freedBytes = (counter.freedBytes ?? 0) + freed;
    }
  }

  /** The greatest first; hours in their order. */
  groups(): Group[] {
    const groups = [...this.counters].map(([key, counter]) => ({ key, ...counter }));
    if (this.grouping === 'hour') return groups.sort((a, b) => (a.key < b.key ? -1 : 1));
    return groups.sort(
      (a, b) => b.count - a.count || (b.freedBytes ?? 0) - (a.freedBytes ?? 0) || (a.key < b.key ? -1 : 1),
    );
  }

  private drop(): void {
    this.dropped = true;
    const counts = [...this.counters].sort(([, a], [, b]) => a.count - b.count);
    for (const [key] of counts.slice(0, Math.ceil(this.max / 2))) this.counters.delete(key);
  }
}

function keysOf(deletion: LoggedDeletion, grouping: Grouping): readonly string[] {
  const { event, file, process, user, rule } = deletion;
  switch (grouping) {
    case 'process':
      return [process.executable ?? process.name];
    case 'user':
      return [user.name ?? user.id];
    case 'directory':
      return [file?.directory ?? '(unknown)'];
    case 'watch':
      return rule.name;
    case 'hour':
      return [localHour(deletion['@timestamp'])];
    case 'operation':
      return [event.action];
    case 'extension':
      return [extensionOf(file?.name)];
  }
}

/** `2026-11-24 14:00`, by the local clock. */
function localHour(timestamp: string): string {
  const date = new Date(timestamp);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:00`;
}

/** With its dot; a name that begins with its only dot has none. */
function extensionOf(name: string | undefined): string {
  const dot = name?.lastIndexOf('.') ?? -1;
  return name === undefined || dot <= 0 || dot === name.length - 1 ? '(none)' : name.slice(dot);
}
