import { statSync } from 'node:fs';
import { normalize } from 'node:path';
import * as z from 'zod';
import { ATTACH_MODES, LOG_LEVELS, OPERATIONS, type WantedAttach } from '../model/config.js';
import { DEFAULT_REDACT } from '../text/redact.js';
import { expandBraces } from '../watch/braces.js';
import { compileGlob, type GlobRole } from '../watch/glob.js';
import { PatternError } from '../watch/pattern-error.js';
import { didYouMean } from './did-you-mean.js';
import { described, type KnownKeys } from './issue-text.js';
import { parseHostName, parseListenAddress, parseSocketPath } from './listen-address.js';
import { formatSize, type Parsed, parseDuration, parseSize, SIZE_PATTERN } from './units.js';

/**
 * The configuration file: keys as they are written there, values as the program wants them. The JSON Schema for editors comes
 * from the same definition; descriptions are written for the reader of the file.
 */

export const RING_BUFFER_MIN = 64 * 2 ** 10;
export const RING_BUFFER_MAX = 2 ** 30;
const ATTACH_WORDS = ['auto', ...ATTACH_MODES] as const;
const SELF_TEST_MIN_MS = 1000;
/** Smaller files would be as many as lines. */
const LOG_SIZE_MIN = 2 ** 20;
const KEEP_DEFAULT = 14;
/** A search opens a thousand files. */
const KEEP_MAX = 999;
/** Node.js timers hold 31 bits of milliseconds; a longer wait would fire at once. */
const SELF_TEST_MAX_HOURS = 596;
/** Fewer are everyday work. */
const BURST_THRESHOLD_MIN = 10;
/** Counters of a window have 32 bits. */
const BURST_THRESHOLD_MAX = 1_000_000_000;
/** Bursts are looked at once a second. */
const BURST_WINDOW_MIN_MS = 1_000;
const BURST_WINDOW_MAX_MS = 3_600_000;
const UID_MAX = 2 ** 32 - 2;
const PROCESS_ARGS_DEFAULT = 512;
/** Shorter lists say too little of a command. */
const PROCESS_ARGS_MIN = 64;
/** More than the kernel side sends, written in JSON. */
const PROCESS_ARGS_MAX = 65_536;
const PROCESS_ARGS_EXPECTED = `full, off or a number of bytes from ${PROCESS_ARGS_MIN} to ${PROCESS_ARGS_MAX}`;

/** Reads a text further; what is wrong with it becomes the message of the issue. */
function reading<T, Input = string>(parse: (text: Input) => Parsed<T>) {
  return (text: Input, context: z.core.$RefinementCtx): T => {
    const parsed = parse(text);
    if ('value' in parsed) return parsed.value;
    context.issues.push({ code: 'custom', message: parsed.error, input: text });
    return z.NEVER;
  };
}

/** Settings with the same meaning become the same value. */
function wantedAttach(wanted: WantedAttach): Parsed<WantedAttach> {
  if (typeof wanted === 'string') return { value: wanted };
  const twice = wanted.find((mode, index) => wanted.indexOf(mode) < index);
  if (twice !== undefined) return { error: `${twice} is listed twice` };
  if (wanted.length === 1) return { value: wanted[0]! };
  return { value: ATTACH_MODES.every((mode, index) => wanted[index] === mode) ? 'auto' : wanted };
}

/** What braces in it stand for; more than one where there are any. */
function pattern(role: GlobRole) {
  return z.string().transform(
    reading((text): Parsed<string[]> => {
      try {
        const patterns = expandBraces(text);
        for (const one of patterns) compileGlob(one, role);
        return { value: patterns };
      } catch (error) {
        if (error instanceof PatternError) return { error: error.message };
        throw error;
      }
    }),
  );
}

/** A list that may be left empty in any way YAML knows: all of its items commented out is a common one. */
function optionalList<T extends z.ZodType>(item: T) {
  return z
    .array(item)
    .nullable()
    .prefault([])
    .transform((items) => items ?? []);
}

function processName(text: string): Parsed<string> {
  if (text === '' || text.includes('\0'))
    return { error: 'expected the path of an executable, such as /usr/sbin/logrotate, or its base name' };
  if (!text.includes('/')) return { value: text };
  if (!text.startsWith('/')) return { error: 'the path of an executable must be absolute' };
  // As the kernel tells it: symbolic links resolved, and in the shortest form.
  const normal = normalize(text);
  return normal === text && !text.endsWith('/')
    ? { value: text }
    : { error: `write this path as "${normal.replace(/\/$/, '')}"` };
}

function userName(text: string): Parsed<string> {
  if (/^[0-9]+$/.test(text)) {
    return Number(text) <= UID_MAX ? { value: String(Number(text)) } : { error: `a user id is at most ${UID_MAX}` };
  }
  return /^[^\s:/,\0]+$/.test(text) ? { value: text } : { error: `"${text}" is no user name and no user id` };
}

/** `true` and `false` are what this setting took before it took sizes. */
function processArgsBytes(value: boolean | number | 'full' | 'off'): Parsed<number> {
  if (value === 'full') return { value: Number.POSITIVE_INFINITY };
  if (value === 'off' || value === false) return { value: 0 };
  if (value === true) return { value: PROCESS_ARGS_DEFAULT };
  if (value >= PROCESS_ARGS_MIN && value <= PROCESS_ARGS_MAX) return { value };
  return { error: `expected ${PROCESS_ARGS_EXPECTED}, got ${value}` };
}

function redactWord(text: string): Parsed<string> {
  return /^[^\s=:"']{3,}$/.test(text)
    ? { value: text }
    : { error: `expected a word of at least three characters without blanks, quotes, "=" and ":", got "${text}"` };
}

function ringBufferSize(text: string): Parsed<number> {
  const size = parseSize(text);
  if ('error' in size) return size;
  const { value } = size;
  const allowed = `a power of two from ${formatSize(RING_BUFFER_MIN)} to ${formatSize(RING_BUFFER_MAX)}`;
  if (value < RING_BUFFER_MIN || value > RING_BUFFER_MAX) return { error: `must be ${allowed}, got ${text}` };
  // Every page size of Linux is a power of two of at most 64 KiB, so such a size is always whole pages.
  const below = 2 ** Math.floor(Math.log2(value));
  if (below === value) return size;
  return { error: `must be ${allowed}; ${text} is between ${formatSize(below)} and ${formatSize(below * 2)}` };
}

function selfTestInterval(text: string): Parsed<number | null> {
  if (text === 'off') return { value: null };
  const duration = parseDuration(text);
  if ('error' in duration) return { error: duration.error.replace('expected', 'expected off or') };
  if (duration.value < SELF_TEST_MIN_MS || duration.value > SELF_TEST_MAX_HOURS * 3_600_000) {
    return { error: `must be off or from 1s to ${SELF_TEST_MAX_HOURS}h, got ${text}` };
  }
  return duration;
}

/** In seconds. */
function burstWindow(text: string): Parsed<number> {
  const duration = parseDuration(text);
  if ('error' in duration) return duration;
  const { value } = duration;
  if (value >= BURST_WINDOW_MIN_MS && value <= BURST_WINDOW_MAX_MS) return { value: value / 1000 };
  return { error: `must be from 1s to 1h, got ${text}` };
}

function maxLogSize(text: string): Parsed<number> {
  if (text === 'off') return { value: Number.POSITIVE_INFINITY };
  const size = parseSize(text);
  if ('error' in size) return { error: size.error.replace('expected', 'expected off or') };
  return size.value >= LOG_SIZE_MIN ? size : { error: `must be off or at least 1MiB, got ${text}` };
}

function logOutput(text: string): Parsed<string> {
  const isFile = text.startsWith('/') && !text.endsWith('/') && !text.includes('\0');
  if (text !== 'stdout' && !isFile) return { error: `expected stdout or an absolute file path, got "${text}"` };
  // The only check of the file itself: a directory is wrong at any moment and on any host.
  return isFile && isDirectory(text) ? { error: `expected a file, "${text}" is a directory` } : { value: text };
}

/** What cannot be looked at is left to the daemon, which may have other rights. */
function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

const users = () =>
  optionalList(
    z
      .union([z.string(), z.int().min(0, { error: 'a user id is not negative' })], {
        error: 'expected a user name or a user id',
      })
      .transform((user) => String(user))
      .transform(reading(userName)),
  );

const ignore = z.strictObject({
  processes: optionalList(z.string().transform(reading(processName))).describe(
    'Absolute paths, or base names, of executables whose deletions this watch leaves out.',
  ),
  owned_by_root: z
    .boolean()
    .default(false)
    .describe('true: processes means only executables whose file belongs to root.'),
  users: users().describe(
    'Users, by name or id, whose deletions this watch leaves out. Compared with the real user of the process, user.id.',
  ),
  effective_users: users().describe(
    'The same, compared with the effective user of the process: user.effective.id, or user.id where they do not differ.',
  ),
});

const watch = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,62}$/, {
      error: 'must start with a-z and consist of a-z, 0-9, "_" and "-", at most 63 characters',
    })
    .describe('Label in logs and metrics; unique.'),
  include: z
    .array(pattern('include'))
    .min(1)
    .transform((patterns) => patterns.flat())
    .describe('Absolute globs: * and ? and [a-z] within one name, ** across directories, {a,b} for several.'),
  exclude: optionalList(pattern('exclude'))
    .transform((patterns) => patterns.flat())
    .describe('Globs that veto; relative ones match at any depth.'),
  view: z
    .enum(['host', 'process'])
    .default('host')
    .describe('Whose paths the patterns speak of: as this host sees them, or as the deleting process does.'),
  case_insensitive: z
    .boolean()
    .default(false)
    .describe(
      'Match letters whatever their case. Only for NFS, FUSE and 9p: what vfat, exfat, cifs and casefold directories do is known.',
    ),
  operations: z
    .array(z.enum(OPERATIONS))
    .min(1)
    .prefault([...OPERATIONS])
    .transform((chosen) => OPERATIONS.filter((operation) => chosen.includes(operation)))
    .describe('What counts as a deletion. move: a rename took the name out of the watch.'),
  failures: z.boolean().default(false).describe('Also report attempts that failed.'),
  ignore: section(ignore)
    .transform(({ processes, owned_by_root: ownedByRoot, users, effective_users: effectiveUsers }) => {
      return { processes, ownedByRoot, users, effectiveUsers };
    })
    .describe('Deletions to leave out, by who makes them.'),
  log: z.boolean().default(true).describe('false: count in metrics only.'),
  fold: z
    .boolean()
    .default(false)
    .describe(
      'true: once a burst has begun, only its summaries are written, unless another watch wants the line. Whoever begins a burst hides what it deletes in it.',
    ),
});

const probe = z.strictObject({
  attach: z
    .union([z.enum(ATTACH_WORDS), z.array(z.enum(ATTACH_MODES)).min(1)], {
      error: ({ input }) => {
        const hint = typeof input === 'string' ? didYouMean(input, ATTACH_WORDS) : '';
        return `expected ${ATTACH_WORDS.join(', ')} or a list of modes, got ${described(input)}${hint}`;
      },
    })
    .default('auto')
    .transform(reading(wantedAttach))
    .describe('How the kernel is hooked; auto takes the first mode that works, and a list the first of its own.'),
  ring_buffer: z
    .string()
    .meta({ pattern: SIZE_PATTERN })
    .prefault('16MiB')
    .transform(reading(ringBufferSize))
    .describe('Room for events between kernel and daemon: a power of two from 64KiB to 1GiB.'),
});

const log = z.strictObject({
  output: z.string().prefault('stdout').transform(reading(logOutput)).describe('stdout or an absolute file path.'),
  max_size: offOr('a size such as 1GiB')
    .prefault('off')
    .transform(reading(maxLogSize))
    .describe(
      'Size at which the daemon renames the file of log.output and begins another one, at least 1MiB; off: never.',
    ),
  keep: z
    .int()
    .min(1)
    .max(KEEP_MAX)
    .default(KEEP_DEFAULT)
    .describe('Renamed files that are kept with log.max_size, whoever renamed them; older ones are removed.'),
  format: z
    .enum(['auto', 'json', 'pretty'])
    .default('auto')
    .describe('Form of the event lines; auto is pretty on a terminal and json elsewhere.'),
  level: z.enum(LOG_LEVELS).default('info').describe("Least severity of the daemon's own messages on stderr."),
  process_args: z
    .union([z.boolean(), z.int(), z.enum(['full', 'off'])], { error: `expected ${PROCESS_ARGS_EXPECTED}` })
    .prefault(PROCESS_ARGS_DEFAULT)
    .transform(reading(processArgsBytes))
    .describe(
      `Bytes that the arguments add to each line, at least ${PROCESS_ARGS_MIN}; full: all that the kernel side takes; off: none. The whole list is in a line of its own before it.`,
    ),
  command_line: z.boolean().default(false).describe('Also write the arguments as one text, process.command_line.'),
  redact: z
    .array(z.string().transform(reading(redactWord)))
    .nullable()
    .prefault([...DEFAULT_REDACT])
    .transform((words) => words ?? DEFAULT_REDACT)
    .describe(
      'Words before secret values, as in "password=x" and "--token x"; the values are replaced. [] replaces none.',
    ),
});

/** `off` is a text in YAML 1.2, but tools that still write YAML 1.1 turn it into false. */
function offOr(what: string) {
  return z
    .union([z.string(), z.literal(false)], { error: `expected off or ${what}` })
    .transform((value) => (value === false ? 'off' : value));
}

const http = z.strictObject({
  listen: offOr('an address such as 127.0.0.1:29293')
    .prefault('127.0.0.1:29293')
    .transform(reading(parseListenAddress))
    .describe('Where metrics and health are served: "host:port", "[ipv6]:port", "unix:/path" or off.'),
  web_config: offOr('an absolute file path')
    .prefault('off')
    .transform(reading(parseWebConfigPath))
    .describe("A file with certificates and users in the form of Prometheus' web configuration, or off."),
  page: z
    .boolean()
    .default(false)
    .describe(
      'Show deletions to browsers at "/". It shows names: only with a unix socket, or users or verified client certificates in web_config.',
    ),
  page_hosts: optionalList(z.string().transform(reading(parseHostName))).describe(
    'Host names, without port, by which browsers may reach the page in addition to localhost and the address of listen, such as that of a proxy.',
  ),
});

const socket = z.strictObject({
  path: offOr('an absolute file path')
    .prefault('off')
    .transform(reading(eventSocketPath))
    .describe('A unix socket where "rmwatch tail" and "rmwatch top" read events while they are written, or off.'),
});

const selfTest = z.strictObject({
  interval: offOr('a duration such as 5m')
    .prefault('5m')
    .transform(reading(selfTestInterval))
    .describe('Time between test deletions, at least 1s; off to disable.'),
});

function eventSocketPath(text: string): Parsed<string | undefined> {
  if (text === 'off') return { value: undefined };
  const path = parseSocketPath(text);
  return 'error' in path ? { error: `${path.error}; off for none` } : path;
}

const burstSettings = z.strictObject({
  threshold: z
    .int()
    .min(BURST_THRESHOLD_MIN, `must be at least ${BURST_THRESHOLD_MIN}`)
    .max(BURST_THRESHOLD_MAX, `must be at most ${BURST_THRESHOLD_MAX}`)
    .default(1000)
    .describe('So many deletions by one process, or by many that belong together, are a mass deletion.'),
  window: z
    .string()
    .prefault('10s')
    .transform(reading(burstWindow))
    .describe('The time within which they happen, from 1s to 1h.'),
});

/** Switched off, or a group of settings as section() has them. */
const bursts = z
  .union([burstSettings, z.literal('off'), z.literal(false), z.null()], {
    error: 'expected off, or threshold and window',
  })
  .prefault({})
  .transform((value) => {
    if (value === 'off' || value === false) return null;
    const { threshold, window } = value ?? burstSettings.parse({});
    return { threshold, windowSeconds: window };
  });

function parseWebConfigPath(text: string): Parsed<string | undefined> {
  if (text === 'off') return { value: undefined };
  if (!text.startsWith('/')) return { error: `expected off or an absolute file path, got "${text}"` };
  return { value: text };
}

/** A group of settings: left out, or with all of its keys commented out, it has its defaults. */
function section<T extends z.ZodObject>(object: T) {
  return object
    .nullable()
    .prefault({} as z.input<T>)
    .transform((value) => value ?? (object.parse({}) as z.output<T>));
}

const file = z.strictObject({
  watches: z
    .array(watch)
    .min(1)
    .prefault([{ name: 'all', include: ['/**'] }])
    .describe('What to report.'),
  probe: section(probe).describe('The kernel side.'),
  log: section(log).describe('Where events and messages go.'),
  http: section(http).describe('The HTTP endpoint for metrics and health.'),
  socket: section(socket).describe('The events as they are written, for programs of this host.'),
  bursts: bursts.describe('Mass deletions: what they are; off: they are not looked for.'),
  self_test: section(selfTest).describe('Deletions that the daemon makes itself to see that they come through.'),
});

export const configFileSchema = file;
export type ConfigFile = z.output<typeof file>;

/** A file of conf.d: watches, and nothing else. */
export const watchesFileSchema = z.strictObject({ watches: optionalList(watch) });

const WATCH_KEYS: KnownKeys = {
  watches: Object.keys(watch.shape),
  'watches.ignore': Object.keys(ignore.shape),
};

export const WATCHES_FILE_KEYS: KnownKeys = { '': Object.keys(watchesFileSchema.shape), ...WATCH_KEYS };

export const KNOWN_KEYS: KnownKeys = {
  '': Object.keys(file.shape),
  ...WATCH_KEYS,
  probe: Object.keys(probe.shape),
  log: Object.keys(log.shape),
  http: Object.keys(http.shape),
  socket: Object.keys(socket.shape),
  bursts: Object.keys(burstSettings.shape),
  self_test: Object.keys(selfTest.shape),
};
