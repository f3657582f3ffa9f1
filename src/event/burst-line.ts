import { type AttachMode, OPERATIONS } from '../model/config.js';
import { ECS_VERSION } from '../model/ecs.js';
import { textOf } from '../text/byte-text.js';
import type { BurstEvent } from './deletion-event.js';
import { type BurstAction, type BurstOrigin, DATASET_BURST } from './event-words.js';
import { cutToLimit, LINE_BYTES_MAX } from './line-limit.js';

/** Who deletes, as members of a line. */
export interface BurstActor extends Pick<BurstEvent, 'process' | 'user' | 'group' | 'container'> {
  /** Members of `rmwatch`. */
  readonly details: Omit<BurstEvent['rmwatch'], 'burst' | 'attach' | 'cut'>;
}

/** Texts are latin1 views of bytes. */
export interface BurstLineParts {
  /** RFC 3339, as `start` and `end`. */
  readonly at: string;
  readonly start: string;
  readonly end: string;
  /** Seconds from the first deletion to the newest. */
  readonly seconds: number;
  readonly host: BurstEvent['host'];
  readonly attach: AttachMode;
  readonly watch: string;
  readonly actor: BurstActor;
  readonly number: number;
  readonly by: BurstOrigin;
  /** '' where there is none. */
  readonly origin: string;
  readonly threshold: number;
  readonly windowSeconds: number;
  /** By index of the operation. */
  readonly operations: readonly number[];
  readonly freedBytes: number;
  readonly folded: number;
  readonly directory: string | undefined;
  readonly directories: readonly Counted[];
  readonly extensions: readonly Counted[];
  readonly programs: readonly Counted[];
  readonly samples: readonly string[];
  readonly atLeast: boolean;
}

interface Counted {
  readonly key: string;
  readonly count: number;
}

/** Bytes of a path as JSON: all paths of a line together leave room for the process. */
const PATH_BYTES_MAX = 1_000;
const MESSAGE_PATH_BYTES_MAX = 256;

/** A line about a mass deletion, without its newline; at most LINE_BYTES_MAX bytes with it. */
export function burstLine(action: BurstAction, parts: BurstLineParts): string {
  const line = JSON.stringify(burstEvent(action, parts));
  return Buffer.byteLength(line) < LINE_BYTES_MAX ? line : cutToLimit(line);
}

function burstEvent(action: BurstAction, parts: BurstLineParts): BurstEvent {
  const { actor, attach } = parts;
  const { details, container } = actor;
  return {
    '@timestamp': parts.at,
    ecs: { version: ECS_VERSION },
    log: { level: action === 'mass-deletion-ended' ? 'info' : 'warn' },
    message: messageOf(action, parts),
    event: {
      kind: 'alert',
      category: ['file'],
      type: ['info'],
      action,
      dataset: DATASET_BURST,
      start: parts.start,
      end: parts.end,
    },
    host: parts.host,
    process: actor.process,
    user: actor.user,
    group: actor.group,
    ...(container !== undefined && { container }),
    rule: { name: [parts.watch] },
    rmwatch: { burst: burstOf(parts), ...details, attach },
  };
}

function burstOf(parts: BurstLineParts): BurstEvent['rmwatch']['burst'] {
  const { origin, directory, directories, extensions, programs, samples } = parts;
  const byOperation = parts.operations.map((count, index) => [OPERATIONS[index]!, count] as const);
  return {
    number: parts.number,
    by: parts.by,
    ...(origin !== '' && { origin: shortened(origin, PATH_BYTES_MAX) }),
    threshold: parts.threshold,
    window_seconds: parts.windowSeconds,
    deletions: sum(parts.operations),
    operations: Object.fromEntries(byOperation.filter(([, count]) => count > 0)),
    ...(parts.attach !== 'tracepoint' && { freed_bytes: parts.freedBytes }),
    folded: parts.folded,
    ...(directory !== undefined && { directory: shortened(directory || '/', PATH_BYTES_MAX) }),
    ...(directories.length > 0 && {
      directories: directories.map(({ key, count }) => ({ path: shortened(key || '/', PATH_BYTES_MAX), count })),
    }),
    ...(extensions.length > 0 && {
      extensions: extensions.map(({ key, count }) => ({ extension: textOf(key), count })),
    }),
    programs: programs.map(({ key, count }) => ({ name: shortened(key, PATH_BYTES_MAX), count })),
    ...(parts.atLeast && { at_least: true }),
    ...(samples.length > 0 && { samples: samples.map((path) => shortened(path, PATH_BYTES_MAX)) }),
  };
}

/** "mass deletion ended in watch app: 1000 deletions in 3.2 s by rm[42] (root) below /srv, 900 of them folded". */
function messageOf(action: BurstAction, parts: BurstLineParts): string {
  const { directory, folded } = parts;
  const where = directory === undefined ? '' : ` below ${shortened(directory || '/', MESSAGE_PATH_BYTES_MAX)}`;
  const hidden = folded === 0 ? '' : `, ${folded} of them folded`;
  const deletions = `${sum(parts.operations)} deletions in ${parts.seconds.toFixed(1)} s`;
  return `${action.replaceAll('-', ' ')} in watch ${parts.watch}: ${deletions} by ${actorText(parts)}${where}${hidden}`;
}

function actorText({ by, origin, actor: { process, user } }: BurstLineParts): string {
  const account = `(${user.name ?? user.id})`;
  const shownOrigin = shortened(origin, MESSAGE_PATH_BYTES_MAX);
  switch (by) {
    case 'process':
      return `${process.name}[${process.pid}] ${account}`;
    case 'container':
      return `processes of container ${shownOrigin}`;
    case 'cgroup':
      return `processes of ${shownOrigin} ${account}`;
    case 'parent':
      return `children of ${shownOrigin} ${account}`;
    case 'several':
      return 'several processes';
  }
}

/** The end of a text that has more than `bytes` bytes as JSON, behind "…". */
function shortened(latin1: string, bytes: number): string {
  // A byte takes six bytes at the most.
  const text = textOf(latin1);
  if (latin1.length * 6 <= bytes || Buffer.byteLength(JSON.stringify(text)) <= bytes) return text;
  let used = '"…"'.length + 2;
  let start = text.length;
  while (start > 0) {
    const isPair = start > 1 && /[\udc00-\udfff]/.test(text[start - 1]!);
    const next = start - (isPair ? 2 : 1);
    used += Buffer.byteLength(JSON.stringify(text.slice(next, start))) - 2;
    if (used > bytes) break;
    start = next;
  }
  return `…${text.slice(start)}`;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
