import { ANYTHING, allPathsOf, Conditions, pathsOf } from './conditions.js';
import type { LoggedDeletion } from './logged-event.js';
import type { ProcessArgs } from './process-args.js';
import { type SearchResult, search } from './search.js';
import type { Span } from './spans.js';

/** What the record tells about the end of a path. */
export interface Answer {
  /** undefined: nothing was found. */
  readonly deletion: LoggedDeletion | undefined;
  /** It is that of a directory above the path. */
  readonly above: boolean;
  readonly result: SearchResult;
}

/** What else one process deleted. */
export interface Others {
  readonly count: number;
  readonly freedBytes: number | undefined;
  readonly from: string;
  readonly to: string;
  readonly samples: readonly string[];
  /** Deletions without a line, of all processes that burst around that time. */
  readonly folded: number;
}

/** What may have taken a name away. */
const SUCCEEDED = { ...ANYTHING, outcomes: ['success', 'unknown'] };

/** How far around a deletion others of the same process are looked for. */
export const AROUND_MS = 600_000;
const SAMPLES_MAX = 3;

/**
 * The newest deletion of one of the paths, which are names of the same file, or of a directory above that took it along. A
 * directory above that was removed empty tells only that the path was gone by then: it counts when nothing else is found.
 */
export async function findDeletion(
  paths: readonly string[],
  spans: readonly Span[],
  onProgress: (bytes: number) => void,
): Promise<Answer> {
  const above = new Set(paths.flatMap(parentsOf));
  const own = new Set(paths);
  const wanted = [...own, ...above];
  const condition = {
    source: paths[0]!,
    literals: paths,
    needles: [
      ...wanted.map((path) => `path":${JSON.stringify(path)}`),
      ...paths.map((path) => `"former_paths":[${JSON.stringify(path)}`),
    ],
    matches: (path: string) => own.has(path) || above.has(path),
  };
  let found: LoggedDeletion | undefined;
  let emptied: LoggedDeletion | undefined;
  const result = await search({
    spans,
    conditions: new Conditions({ ...SUCCEEDED, paths: [condition] }),
    limit: undefined,
    reverse: true,
    take: ({ deletion }) => {
      const isOwn = allPathsOf(deletion).some((path) => own.has(path));
      // The names of event.action are of later versions, too.
      if (isOwn || (deletion.event.action as string) === 'move') found = deletion;
      else emptied ??= deletion;
      return found === undefined;
    },
    onProgress,
  });
  const deletion = found ?? emptied;
  const isAbove = deletion !== undefined && !allPathsOf(deletion).some((path) => own.has(path));
  return { deletion, above: isAbove, result };
}

/** What the process of a deletion deleted within ten minutes of it; `spans` need to hold that time only. Arguments go to `args`. */
export async function findOthers(deletion: LoggedDeletion, spans: readonly Span[], args: ProcessArgs): Promise<Others> {
  const atMs = Date.parse(deletion['@timestamp']);
  const bounds = { sinceMs: atMs - AROUND_MS, untilMs: atMs + AROUND_MS };
  const samples: string[] = [];
  const { pid, start } = deletion.process;
  let count = 0;
  let freedBytes: number | undefined;
  let from = deletion['@timestamp'];
  let to = from;
  const { coverage } = await search({
    spans,
    conditions: new Conditions({ ...SUCCEEDED, ...bounds, pids: [pid] }),
    limit: undefined,
    reverse: false,
    onProcess: (record) => args.add(record),
    take: ({ deletion: other }) => {
      if (other.process.start !== start || other.host.boot?.id !== deletion.host.boot?.id) return true;
      const time = other['@timestamp'];
      if (time < from) from = time;
      if (time > to) to = time;
      if (isSame(other, deletion)) return true;
      count += 1;
      const freed = other.rmwatch.freed_bytes;
      if (freed !== undefined) freedBytes = (freedBytes ?? 0) + freed;
      if (samples.length < SAMPLES_MAX) samples.push(pathsOf(other).at(-1) ?? '?');
      return true;
    },
  });
  const folded = coverage.folded.reduce((sum, burst) => sum + burst.folded, 0);
  return { count, freedBytes, from, to, samples, folded };
}

/** Every directory above, without the root. */
function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
    parents.push(path.slice(0, slash));
  }
  return parents;
}

function isSame(a: LoggedDeletion, b: LoggedDeletion): boolean {
  return a['@timestamp'] === b['@timestamp'] && a.event.sequence === b.event.sequence;
}
