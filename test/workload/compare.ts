/**
 * Compares the events of the daemon with what the workload (program/) says must be reported, field by field.
 * Names are compared as bytes; inside this module they are strings with one character per byte (latin1 view).
 */
import { isUtf8 } from 'node:buffer';
import { alignAttempts } from './align.js';
import { type Attempt, type AttemptLine, type Event, NAME_MEMBERS, type ReportMismatch } from './attempt.js';
import { expectedPath, joinLexically, judgePath } from './expected-path.js';
import { checkMembers, isText, type MemberJudge, type Members } from './fields.js';

/** More bytes of arguments than this need not be kept. */
const ARGUMENT_BYTES = 4096;
/** /proc tells the start of a process in ticks of 10 ms. */
const START_SLACK_MS = 30;
/** RFC 3339, UTC, with nanoseconds. */
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/;
const DETAILS = ['type', 'inode', 'device', 'uid', 'gid', 'mode', 'size', 'mtime'];

export type Mode = 'kprobe' | 'fentry' | 'tracepoint';

export interface Mismatch {
  readonly case: string;
  readonly call?: string;
  readonly requested?: string;
  readonly field: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

export interface Note {
  readonly case: string;
  readonly reason: string;
}

export interface Comparison {
  /** Cases that were run. */
  cases: number;
  /** Attempts of which an event was expected. */
  attempts: number;
  mismatches: Mismatch[];
  /** Events that no attempt explains. */
  unexpected: Event[];
  /** Attempts without an event. */
  missing: AttemptLine[];
  /** Events without an outcome (see `missedReturns` below). */
  missedReturns: number;
  skips: Note[];
  /** Of the workload itself. */
  problems: Note[];
  /** Nothing of the above is wrong, and the workload ran to its end. */
  ok: boolean;
}

export interface Run {
  /** Lines of the workload, as text or parsed. */
  readonly expected: readonly (string | object)[];
  /** Lines of the daemon, parsed, from before the workload's start; all of them, in order. */
  readonly events: readonly Event[];
  readonly mode: Mode;
  /** Directory that the daemon watches, with `failures: true`; '/' for everything. */
  readonly watched?: string;
  /** Names that `rule.name` must give. */
  readonly rules?: readonly string[];
  /** The same of a move, by its old path in latin1 view; absent: no watch wants one that the workload makes. */
  readonly moveRules?: (path: string) => readonly string[];
  /** The daemon's log.process_args. */
  readonly processArgs?: boolean;
  /** Names of user ids, for user.name. */
  readonly users?: Readonly<Record<string, string>>;
  /** The workload ran in the host's mount namespace. */
  readonly hostNamespace?: boolean;
  /**
   * Events may lack their outcome, and what follows from it: the kernel can miss the return of a failed call under load. How
   * many did is for the caller to judge.
   */
  readonly missedReturns?: boolean;
  /** How far a timestamp may lie outside of the call. */
  readonly clockSlackMs?: number;
}

type Context = Required<
  Pick<Run, 'mode' | 'watched' | 'processArgs' | 'clockSlackMs' | 'missedReturns' | 'hostNamespace'>
> &
  Pick<Run, 'rules' | 'moveRules' | 'users'>;

// biome-ignore lint/suspicious/noExplicitAny: a line of the workload is told apart by its members
type Line = any;

/** Compares a run of the workload with the events of the daemon. */
export function compareRun({ expected, events, mode, ...given }: Run): Comparison {
  const lines: Line[] = expected
    .filter((line) => line !== '')
    .map((line) => (typeof line === 'string' ? JSON.parse(line) : line));
  const start = lines.find((line) => line.start !== undefined);
  const end = lines.find((line) => line.end !== undefined);
  const context: Context = {
    mode,
    watched: '/',
    processArgs: true,
    clockSlackMs: 20,
    missedReturns: false,
    hostNamespace: start !== undefined && start.mount_namespace === start.host_mount_namespace,
    ...given,
  };
  const attempts = lines.filter((line) => line.case !== undefined).map((line) => attemptOf(line, context));
  const deletions = events.filter((event) => event.event?.kind === 'event');
  const result: Comparison = {
    cases: new Set(attempts.map((attempt) => attempt.case)).size,
    attempts: attempts.filter((attempt) => attempt.expectation === 'event').length,
    mismatches: runMismatches(events, deletions),
    unexpected: [],
    missing: [],
    missedReturns: 0,
    skips: notes(lines, 'skip'),
    problems: notes(lines, 'problem'),
    ok: false,
  };

  const { matched, missing, unexpected } = alignAttempts(attempts, deletions);
  result.missing = missing.map(({ line }) => line);
  result.unexpected = [...unexpected, ...foreignEvents(attempts, deletions, start, end)];
  for (const [attempt, event] of matched) {
    if (attempt.expectation === 'nothing') result.unexpected.push(event);
    else result.mismatches.push(...compareAttempt(attempt, event, context));
    if (lacksOutcome(event)) result.missedReturns += 1;
  }
  const wrong = [result.mismatches, result.unexpected, result.missing, result.problems];
  result.ok = result.attempts > 0 && end !== undefined && wrong.every((list) => list.length === 0);
  return result;
}

/** One line for people. */
export function describeComparison(result: Comparison): string {
  const { cases, attempts, mismatches, unexpected, missing, missedReturns, skips, problems } = result;
  return (
    `${cases} cases, ${attempts} attempts: ${mismatches.length} wrong fields, ${missing.length} missing, ` +
    `${unexpected.length} unexpected, ${missedReturns} without outcome, ${skips.length} skips, ${problems.length} problems of the workload`
  );
}

function notes(lines: readonly Line[], key: 'skip' | 'problem'): Note[] {
  return lines.filter((line) => line[key] !== undefined).map((line) => ({ case: line[key], reason: line.reason }));
}

const bytesOf = (base64: string | null): string | null =>
  base64 === null ? null : Buffer.from(base64, 'base64').toString('latin1');

/** The line with its names decoded, and what must be reported of it in this mode. */
function attemptOf(line: AttemptLine, context: Context): Attempt {
  const names = Object.fromEntries(NAME_MEMBERS.map((name) => [name, bytesOf(line[name])])) as Pick<
    Attempt,
    (typeof NAME_MEMBERS)[number]
  >;
  const decoded = {
    ...line,
    ...names,
    line,
    args: line.args.map((argument) => bytesOf(argument)!),
    unjudged: new Set(line.unjudged.split(',')),
    failed: line.result !== 0,
    exact: line.resolved && context.mode !== 'tracepoint',
    // What others may have changed since is no longer known at the end of the system call.
    path_state: line.base_shared && context.mode === 'tracepoint' ? ('incomplete' as const) : line.path_state,
  };
  const withTarget = { ...decoded, target: expectedPath(decoded) };
  return { ...withTarget, expectation: expectationOf(withTarget, context) };
}

function expectationOf(
  attempt: Omit<Attempt, 'expectation'>,
  { mode, watched, moveRules }: Context,
): Attempt['expectation'] {
  if (attempt.expect === 'nothing') return 'nothing';
  if (attempt.operation === 'move') {
    const isSilent =
      mode === 'tracepoint' ? attempt.untold_by_calls || attempt.via === 'io_uring' : attempt.moves_nothing;
    return moveRules === undefined || isSilent ? 'nothing' : 'event';
  }
  // No hook is reached by one that fails.
  if (mode !== 'tracepoint' && attempt.call.endsWith('mq_unlink') && attempt.failed) return 'nothing';
  if (mode === 'tracepoint' && (attempt.operation === 'replace' || attempt.via === 'io_uring')) return 'nothing';
  // And no reason to leave it out.
  if (watched === '/') return 'event';
  const hosted = attempt.exact && attempt.host_path !== null;
  const seen = hosted ? attempt.host_path : attempt.target.path;
  // Whether a watch matches a path that is not known is nobody's promise.
  if (seen === null || attempt.path_state !== 'complete') return 'optional';
  // What the system call says may lead elsewhere.
  if (!attempt.exact && attempt.host_path !== null) return 'optional';
  const root = Buffer.from(watched).toString('latin1');
  return seen === root || seen.startsWith(`${root}/`) ? 'event' : 'nothing';
}

function runMismatches(events: readonly Event[], deletions: readonly Event[]): Mismatch[] {
  const mismatches: Mismatch[] = [];
  const add: ReportMismatch = (field, expected, actual) => mismatches.push({ case: '(run)', field, expected, actual });
  for (const event of events) {
    if (event.event?.kind !== 'event') add('event.kind', 'event', event);
  }
  for (const [index, { event }] of deletions.entries()) {
    const before = deletions[index - 1]?.event.sequence;
    if (!Number.isInteger(event.sequence)) add('event.sequence', 'an integer', event.sequence);
    else if (index > 0 && event.sequence !== before + 1) add('event.sequence', before + 1, event.sequence);
  }
  return mismatches;
}

/** Events during the run, about files of the workload, by processes that are not of the workload. */
function foreignEvents(attempts: readonly Attempt[], deletions: readonly Event[], start: Line, end: Line): Event[] {
  const pids = new Set(attempts.map(({ pid }) => pid));
  const base = start === undefined ? undefined : Buffer.from(start.base, 'base64').toString();
  return deletions.filter((event) => {
    if (pids.has(event.process?.pid)) return false;
    const paths = [event.file?.path, event.rmwatch?.host_path];
    const atUs = Date.parse(event['@timestamp']) * 1000;
    const during = start && atUs >= start.at_us && (!end || atUs <= end.at_us);
    return event.process?.pid === start?.pid || (during && paths.some((text) => text?.startsWith(`${base}/`)));
  });
}

const textOf = (bytes: string) => Buffer.from(bytes, 'latin1').toString();
const base64IfLossy = (bytes: string) =>
  isUtf8(Buffer.from(bytes, 'latin1')) ? undefined : Buffer.from(bytes, 'latin1').toString('base64');

const lacksOutcome = ({ event }: Event): boolean => event.outcome === undefined;

/** Told when the thread does something else or exits, perhaps without its memory: later, and with less. */
const LATER_OR_LESS = ['event.type', 'event.outcome', 'error.code', 'rmwatch.freed_bytes', 'rmwatch.last_link'];
const NEED_MEMORY = ['executable', 'args', 'args_count', 'command_line'];

function forgiveMissedReturn(members: Members, event: Event): void {
  for (const field of LATER_OR_LESS) delete members[field];
  for (const name of NEED_MEMORY) if (event.process[name] === undefined) delete members[`process.${name}`];
  // What a call released, nobody knows before its result.
  members['rmwatch.freed_bytes'] = undefined;
}

function compareAttempt(attempt: Attempt, event: Event, context: Context): Mismatch[] {
  const mismatches: Mismatch[] = [];
  const requested = attempt.requested === null ? {} : { requested: textOf(attempt.requested) };
  const where = { case: attempt.case, call: attempt.call, ...requested };
  const members: Members = {
    ...eventMembers(attempt, context),
    ...fileMembers(attempt),
    ...processMembers(attempt, context),
    ...detailMembers(attempt, context),
    ...formerMembers(attempt),
  };
  const missedReturn = context.missedReturns && lacksOutcome(event);
  if (missedReturn) forgiveMissedReturn(members, event);
  for (const name of attempt.unjudged) {
    for (const field of Object.keys(members)) {
      if (field.split('.').pop() === name) delete members[field];
    }
  }
  const report: ReportMismatch = (field, expected, actual) => mismatches.push({ ...where, field, expected, actual });
  checkMembers(event, members, report);
  judgePath(attempt, event, report);
  checkStart(attempt, event, report);
  checkTimestamp(attempt, event, missedReturn ? Number.POSITIVE_INFINITY : context.clockSlackMs, report);
  return mismatches;
}

/** How the message begins. System calls do not tell that a directory moves. */
function beginningOf(attempt: Attempt, { moveRules }: Context): string {
  if (attempt.operation !== 'move' || !attempt.exact) return `${attempt.operation} `;
  const names = moveRules?.(attempt.path!) ?? [];
  const watches = `takes ${names.length === 1 ? 'watch' : 'watches'} ${names.join(', ')} along`;
  const remarks = [...(attempt.type === 'dir' ? ['directory'] : []), ...(attempt.took_watched ? [watches] : [])];
  const said = remarks.length === 0 ? '' : ` (${remarks.join(', ')})`;
  return `move ${textOf(attempt.path!)} to ${textOf(attempt.moved_to!)}${said} by `;
}

function eventMembers(attempt: Attempt, context: Context): Members {
  const beginning = beginningOf(attempt, context);
  const says = (text: unknown) => isText(text) && text.startsWith(beginning);
  return {
    'ecs.version': '9.0.0',
    'log.level': 'info',
    message: Object.assign(says, { says: `a text that begins with ${beginning}` }),
    'event.kind': 'event',
    'event.category': ['file'],
    'event.type': [attempt.failed ? 'info' : attempt.operation === 'move' ? 'change' : 'deletion'],
    'event.action': attempt.operation,
    'event.outcome': attempt.failed ? 'failure' : 'success',
    'event.dataset': 'rmwatch.deletion',
    'error.code': attempt.failed ? attempt.result : undefined,
    'host.name': Object.assign(isText, { says: 'a text' }),
  };
}

function fileMembers(attempt: Attempt): Members {
  // Nothing but its name is known of a file that the kernel did not find.
  if (!attempt.exact) return Object.fromEntries(DETAILS.map((name) => [`file.${name}`, undefined]));
  const members: Members = {
    'file.type': attempt.type,
    'file.device': attempt.device,
    'file.uid': String(attempt.uid),
    'file.gid': String(attempt.gid),
    'file.mode': attempt.mode,
    'file.size': attempt.size < 0 || attempt.size > Number.MAX_SAFE_INTEGER ? undefined : attempt.size,
    'file.mtime': isTold(attempt.mtime) ? isoTime(attempt.mtime) : undefined,
  };
  if (attempt.inode !== null) members['file.inode'] = String(attempt.inode);
  return members;
}

/** Only the years 0001 to 9999 are. */
function isTold([seconds]: readonly [number, number]): boolean {
  return seconds >= Date.parse('0001-01-01T00:00:00Z') / 1000 && seconds < Date.parse('+010000-01-01T00:00:00Z') / 1000;
}

function isoTime([seconds, nanoseconds]: readonly [number, number]): string {
  const text = new Date(seconds * 1000).toISOString().slice(0, -5);
  return `${text}.${String(nanoseconds).padStart(9, '0')}Z`;
}

function processMembers(attempt: Attempt, context: Context): Members {
  const members: Members = {
    'process.pid': attempt.pid,
    'process.name': textOf(attempt.name!),
    'process.parent.pid': attempt.ppid,
    'process.parent.name': textOf(attempt.parent_name!),
    'user.id': String(attempt.user_id),
    'group.id': String(attempt.group_id),
  };
  const effective = { user: attempt.effective_user_id, group: attempt.effective_group_id };
  // Told where they differ only.
  members['user.effective.id'] = effective.user === attempt.user_id ? undefined : String(effective.user);
  members['process.group.id'] = effective.group === attempt.group_id ? undefined : String(effective.group);
  members['rmwatch.fs_uid'] = attempt.fs_user_id === effective.user ? undefined : String(attempt.fs_user_id);
  members['rmwatch.fs_gid'] = attempt.fs_group_id === effective.group ? undefined : String(attempt.fs_group_id);
  if (attempt.tid !== null) members['process.thread.id'] = attempt.tid;
  if (attempt.cwd !== null) {
    const directory = textOf(attempt.cwd);
    // Where the path may be cut, so may that of the directory.
    members['process.working_directory'] = attempt.path_state === 'either' ? optional(directory) : directory;
  }
  // At the end of the system call the program has lost its name.
  const isDeleted = attempt.is_own_program && !attempt.failed && context.mode === 'tracepoint';
  const executable = textOf(attempt.exe!) + (isDeleted ? ' (deleted)' : '');
  members['process.executable'] = executable;
  members['rmwatch.executable_deleted'] = executable.endsWith(' (deleted)') ? true : undefined;
  const rules = attempt.operation === 'move' ? context.moveRules?.(attempt.path!) : context.rules;
  if (rules) members['rule.name'] = rules;
  if (context.users) {
    members['user.name'] = context.users[attempt.user_id];
    members['user.effective.name'] = effective.user === attempt.user_id ? undefined : context.users[effective.user];
  }
  return { ...members, ...argumentMembers(attempt, context) };
}

function optional(value: unknown): MemberJudge {
  return Object.assign((actual: unknown) => actual === undefined || actual === value, { says: `nothing or ${value}` });
}

function argumentMembers({ args }: Attempt, { processArgs }: Context): Members {
  const names = ['process.args', 'process.command_line', 'rmwatch.args_bytes'];
  const untold = Object.fromEntries(names.map((name) => [name, undefined]));
  if (!processArgs) return { ...untold, 'process.args_count': args.length };
  const bytes = args.reduce((sum, argument) => sum + argument.length + 1, 0);
  if (bytes > ARGUMENT_BYTES) return cutArgumentMembers(args);
  const lossy = args.some((argument) => base64IfLossy(argument) !== undefined);
  return {
    'process.args': args.map(textOf),
    'process.args_count': args.length,
    'process.command_line': textOf(args.join(' ')),
    'rmwatch.args_bytes': lossy
      ? args.map((argument) => Buffer.from(argument, 'latin1').toString('base64'))
      : undefined,
  };
}

/** What is there must be right, and as much of it as there is room for. */
function cutArgumentMembers(args: readonly string[]): Members {
  const whole = args.map(textOf);
  const line = whole.join(' ');
  const startsRight = (actual: unknown) =>
    Array.isArray(actual) &&
    actual.join(' ').length >= ARGUMENT_BYTES - 256 &&
    actual.every((argument, index) =>
      index < actual.length - 1 ? argument === whole[index] : whole[index]?.startsWith(argument),
    );
  const lineStartsRight = (actual: unknown) =>
    isText(actual) && line.startsWith(actual.replace(/…$/, '')) && actual.length > 1;
  return {
    'process.args': Object.assign(startsRight, { says: 'the first arguments' }),
    'process.args_count': args.length,
    'process.command_line': Object.assign(lineStartsRight, { says: 'the first of the command line' }),
  };
}

function detailMembers(attempt: Attempt, context: Context): Members {
  const { requested } = attempt;
  const members: Members = {
    'rmwatch.requested_path': requested === null ? undefined : textOf(requested),
    'rmwatch.requested_path_bytes': requested === null ? undefined : base64IfLossy(requested),
    'rmwatch.login_uid': attempt.login_uid === null ? undefined : String(attempt.login_uid),
    'rmwatch.mount_namespace': attempt.mount_namespace,
    'rmwatch.via': attempt.via,
    'rmwatch.attach': context.mode,
  };
  if (attempt.unjudged.has('requested')) {
    delete members['rmwatch.requested_path'];
    delete members['rmwatch.requested_path_bytes'];
  }
  return {
    ...members,
    ...mountOwnerMembers(attempt),
    ...releaseMembers(attempt),
    ...moveMembers(attempt, context),
    ...cgroupMembers(attempt),
    ...hostMembers(attempt, context),
  };
}

/** Told where it differs only. */
function mountOwnerMembers({ exact, uid, gid, mount_uid: mountUid, mount_gid: mountGid }: Attempt): Members {
  return {
    'rmwatch.mount_uid': exact && mountUid !== uid ? String(mountUid) : undefined,
    'rmwatch.mount_gid': exact && mountGid !== gid ? String(mountGid) : undefined,
  };
}

const MOVE_FIELDS = ['moved_to', 'moved_to_bytes', 'moved_to_complete', 'moved_to_host_path', 'took_watched'];

function moveMembers(attempt: Attempt, { hostNamespace }: Context): Members {
  const members: Members = Object.fromEntries(MOVE_FIELDS.map((field) => [`rmwatch.${field}`, undefined]));
  if (attempt.operation !== 'move') return members;
  const joined = joinLexically(attempt.moved_to_base!, attempt.moved_to_typed!);
  const target = attempt.exact ? attempt.moved_to! : joined.path;
  const { moved_to_host_path: hostPath } = attempt;
  members['rmwatch.moved_to'] = textOf(target);
  members['rmwatch.moved_to_bytes'] = base64IfLossy(target);
  members['rmwatch.moved_to_complete'] = attempt.exact || !joined.hasParents;
  members['rmwatch.took_watched'] = attempt.took_watched ? true : undefined;
  if (!hostNamespace || !attempt.exact) delete members['rmwatch.moved_to_host_path'];
  else if (hostPath !== null) members['rmwatch.moved_to_host_path'] = textOf(hostPath);
  return members;
}

function formerMembers(attempt: Attempt): Members {
  const former = attempt.exact && !attempt.failed && attempt.operation !== 'move' ? attempt.former : null;
  if (former !== null && attempt.former_uncertain) return {};
  const bytes = former === null ? undefined : base64IfLossy(former);
  return {
    'rmwatch.former_paths': former === null ? undefined : [textOf(former)],
    'rmwatch.former_paths_bytes': bytes === undefined ? undefined : [bytes],
  };
}

function releaseMembers(attempt: Attempt): Members {
  if (!attempt.exact || attempt.failed || attempt.operation === 'move') {
    return { 'rmwatch.last_link': undefined, 'rmwatch.still_open': undefined, 'rmwatch.freed_bytes': undefined };
  }
  const members: Members = { 'rmwatch.last_link': attempt.last_link };
  const told = (value: unknown) => (attempt.open_uncertain ? optional(value) : value);
  if (attempt.still_open !== null) members['rmwatch.still_open'] = told(attempt.still_open);
  const freed = attempt.freed_bytes;
  // -1: none was released. Of a file without any storage both are true.
  if (freed !== null)
    members['rmwatch.freed_bytes'] = freed === -1 ? undefined : freed === 0 ? optional(0) : told(freed);
  return members;
}

const CONTAINER = /\/docker[/-]([0-9a-f]{64})(?:\.scope)?$/;

function cgroupMembers({ cgroup, version_1_cgroup: version1 }: Attempt): Members {
  if (cgroup === null && version1 === null) return {};
  const container = { 'container.id': CONTAINER.exec(version1 ?? '')?.[1] ?? CONTAINER.exec(cgroup ?? '')?.[1] };
  if (cgroup === null) return container;
  return { ...container, 'rmwatch.cgroup': cgroup === '/' ? optional('/') : textOf(cgroup) };
}

function hostMembers(attempt: Attempt, { hostNamespace }: Context): Members {
  if (!hostNamespace || !attempt.exact) return {};
  const host = attempt.host_path;
  return {
    'rmwatch.host_path': host === null ? undefined : textOf(host),
    'rmwatch.host_path_bytes': host === null ? undefined : base64IfLossy(host),
  };
}

function checkTimestamp(attempt: Attempt, event: Event, slackMs: number, report: ReportMismatch): void {
  const stamp = event['@timestamp'];
  const atMs = Date.parse(stamp);
  const [first, last] = [attempt.began_us / 1000 - 1, attempt.ended_us / 1000 + 1];
  if (TIMESTAMP.test(stamp) && atMs >= first - (Number.isFinite(slackMs) ? slackMs : 0) && atMs <= last + slackMs)
    return;
  report('@timestamp', `${new Date(first).toISOString()} to ${new Date(last).toISOString()}`, stamp);
}

function checkStart(attempt: Attempt, event: Event, report: ReportMismatch): void {
  const startedMs = Date.parse(event.process?.start);
  const off = startedMs - attempt.started_ms;
  if (off >= -START_SLACK_MS && off <= 10 + START_SLACK_MS) return;
  report('process.start', new Date(attempt.started_ms).toISOString(), event.process?.start);
}
