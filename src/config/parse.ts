import type * as z from 'zod';
import type { Config, WatchConfig } from '../model/config.js';
import { issueText, type KnownKeys, unknownKeyText } from './issue-text.js';
import { formatPath, type KeyPath, type Problem } from './problem.js';
import { type ConfigFile, configFileSchema, KNOWN_KEYS, WATCHES_FILE_KEYS, watchesFileSchema } from './schema.js';
import { type Finding, YamlSource } from './yaml-source.js';

/** No reader goes further, and a file that is no configuration at all can have millions. */
const PROBLEMS_MAX = 1000;

export type ParseResult =
  | { readonly config: Config /** Where each value of it was written. */; readonly source: YamlSource }
  | { readonly problems: readonly Problem[] };

/** Reads a whole configuration; `file` is only named in the problems, which come all at once in the order of the file. */
export function parseConfig(text: string, file: string): ParseResult {
  const read = readFile(text, file, { schema: configFileSchema, keys: KNOWN_KEYS, check: duplicateNames });
  return 'problems' in read ? read : { config: configOf(read.value), source: read.source };
}

/** Reads a file of conf.d, which may hold watches only; `file` is only named in the problems. */
export function parseWatches(
  text: string,
  file: string,
):
  | { readonly watches: readonly WatchConfig[]; readonly source: YamlSource }
  | { readonly problems: readonly Problem[] } {
  const read = readFile(text, file, {
    schema: watchesFileSchema,
    keys: WATCHES_FILE_KEYS,
    unknownAtTop: 'a file of conf.d holds watches only',
    check: duplicateNames,
  });
  return 'problems' in read ? read : { watches: watchesOf(read.value.watches), source: read.source };
}

/** What a file may say. */
export interface FileRules<T> {
  readonly schema: z.ZodType<T>;
  readonly keys: KnownKeys;
  /** What is wrong with an unknown key at the top, where more can be said than that it is unknown. */
  readonly unknownAtTop?: string;
  /** Finds what the schema does not. */
  check?(source: YamlSource): Finding[];
}

/** Reads a YAML file by its rules. */
export function readFile<T>(
  text: string,
  file: string,
  { schema, keys, unknownAtTop, check }: FileRules<T>,
): { readonly value: T; readonly source: YamlSource } | { readonly problems: readonly Problem[] } {
  const source = new YamlSource(text);
  const findings: Finding[] = [...source.findings];
  if (source.value !== undefined) {
    const parsed = schema.safeParse(source.value ?? {}, { error: issueText });
    if (check !== undefined) findings.push(...check(source));
    if (parsed.success && findings.length === 0) return { value: parsed.data, source };
    for (const issue of parsed.error?.issues.flatMap(innerIssues) ?? []) {
      const path = issue.path as KeyPath;
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) {
          findings.push({
            offset: source.offsetOfKey(path, key),
            path: [...path, key],
            message: (path.length === 0 ? unknownAtTop : undefined) ?? unknownKeyText(path, key, keys),
          });
        }
      } else {
        findings.push({ offset: source.offsetOf(path), path, message: issue.message });
      }
    }
  }
  return { problems: problemsOf(findings, source, file) };
}

/** Of a group of settings that may also be a word: what is wrong inside the group. */
function innerIssues(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const inner = issue.errors.find((branch) =>
    branch.every(({ code, path }) => path.length > 0 || code === 'unrecognized_keys'),
  );
  return inner?.map((own) => ({ ...own, path: [...issue.path, ...own.path] })) ?? [issue];
}

/** Apart from the schema, which stops at a list with errors in it and would show these only in the next run. */
function duplicateNames(source: YamlSource): Finding[] {
  const watches = (source.value as { watches?: unknown } | null)?.watches;
  const findings: Finding[] = [];
  const firstByName = new Map<string, number>();
  (Array.isArray(watches) ? watches : []).forEach((watch: { name?: unknown } | null, index) => {
    const name = watch?.name;
    if (typeof name !== 'string') return;
    const first = firstByName.get(name);
    if (first === undefined) {
      firstByName.set(name, index);
      return;
    }
    const path = ['watches', index, 'name'];
    const { line } = source.position(source.offsetOf(['watches', first, 'name']));
    findings.push({
      offset: source.offsetOf(path),
      path,
      message: `"${name}" is already the name of the watch in line ${line}`,
    });
  });
  return findings;
}

function problemsOf(findings: Finding[], source: YamlSource, file: string): Problem[] {
  findings.sort((a, b) => a.offset - b.offset);
  const problems = findings.slice(0, PROBLEMS_MAX).map(({ offset, path, message }) => {
    return { file, ...source.position(offset), path: formatPath(path), message };
  });
  const more = findings[PROBLEMS_MAX];
  if (more !== undefined) {
    const message = `${findings.length - PROBLEMS_MAX} more problems are not shown`;
    problems.push({ file, ...source.position(more.offset), path: '', message });
  }
  return problems;
}

function configOf(file: ConfigFile): Config {
  return {
    watches: watchesOf(file.watches),
    probe: { attach: file.probe.attach, ringBufferBytes: file.probe.ring_buffer },
    log: {
      output: file.log.output,
      maxBytes: file.log.max_size,
      keep: file.log.keep,
      format: file.log.format,
      level: file.log.level,
      processArgsBytes: file.log.process_args,
      commandLine: file.log.command_line,
      redact: file.log.redact,
    },
    http: {
      listen: file.http.listen,
      webConfigFile: file.http.web_config,
      page: file.http.page,
      pageHosts: file.http.page_hosts,
    },
    socket: { path: file.socket.path },
    bursts: file.bursts,
    selfTest: { intervalMs: file.self_test.interval },
  };
}

function watchesOf(watches: ConfigFile['watches']): WatchConfig[] {
  return watches.map(({ case_insensitive: caseInsensitive, ...watch }) => ({ ...watch, caseInsensitive }));
}
