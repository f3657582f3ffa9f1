import { lstatSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { loadConfig } from '../config/load.js';
import { formatProblem } from '../config/problem.js';
import { OPERATIONS } from '../model/config.js';
import { unseenOperations } from '../service/attach-limits.js';
import { escapeControl } from '../text/escape.js';
import { bytesOf, textOf } from '../text/utf8.js';
import { decidingStage, type Stage } from '../watch/deciding-stage.js';
import type { GlobRole } from '../watch/glob.js';
import { type KernelFilterEntry, kernelEntryFor, kernelFilter, OPERATION_BITS } from '../watch/kernel-filter.js';
import { type LinkedPattern, withResolvedPatterns } from '../watch/linked-patterns.js';
import { followLinks } from '../watch/symbolic-links.js';
import { WatchSet } from '../watch/watch-set.js';
import { EXIT } from './exit-codes.js';
import type { CommandIo } from './io.js';
import { type KnownMode, runningMode } from './running-mode.js';

export interface ExplainOptions {
  readonly paths: readonly string[];
  readonly config: string | undefined;
  readonly json: boolean;
}

interface WatchVerdict {
  readonly watch: string;
  readonly view: 'host' | 'process';
  readonly matched: boolean;
  /** As it was written. */
  readonly include: string | null;
  readonly exclude: string | null;
  /** What the pattern is by the real path, where a symbolic link leads to what it matched. */
  readonly include_resolved?: string;
  readonly exclude_resolved?: string;
  readonly decided_by: Stage;
  /** false: the watch only counts. */
  readonly log: boolean;
}

interface PathVerdict {
  /** As an event would name it: absolute, symbolic links in the parents resolved as far as they exist. */
  readonly path: string;
  /** null: the kernel drops everything at this path. */
  readonly kernel: { readonly prefix: string; readonly operations: string[]; readonly failures: string[] } | null;
  /** Of a directory that exists: the watches that are told when it is moved to where none of them wants anything. */
  readonly move?: {
    /** They match the directory itself. */
    readonly matching: string[];
    /** They match what may lie below it, and not itself. */
    readonly below: string[];
  };
  readonly watches: readonly WatchVerdict[];
  /** In a burst only summaries are written: every watch that matches and writes lines has `fold: true`. */
  readonly folds: boolean;
  /** How the kernel is hooked; null: no daemon tells, and the configuration leaves it open. */
  readonly attach: KnownMode['attach'] | null;
  /** Operations that this mode does not report. */
  readonly unseen: readonly string[];
}

export async function explain({ paths, config, json }: ExplainOptions, io: CommandIo): Promise<number> {
  const loaded = await loadConfig(config);
  if ('problems' in loaded) {
    for (const problem of loaded.problems) io.stderr.write(`${formatProblem(problem)}\n`);
    return EXIT.configuration;
  }
  const mode = await runningMode(loaded.config);
  const { watches, linked } = withResolvedPatterns(loaded.config.watches, await followLinks(loaded.config.watches));
  const watchSet = WatchSet.of(watches);
  const filter = kernelFilter(watches);
  const verdicts = paths.map((path) => ({
    ...judge(reportedPath(path), watchSet, filter, linked),
    attach: mode?.attach ?? null,
    unseen: mode === undefined ? [] : unseenOperations(mode.attach),
  }));
  io.stdout.write(
    json ? `${JSON.stringify(verdicts, null, 2)}\n` : verdicts.map((verdict) => render(verdict, mode)).join('\n'),
  );
  return EXIT.ok;
}

function judge(
  path: string,
  watchSet: WatchSet,
  filter: readonly KernelFilterEntry[],
  linked: readonly LinkedPattern[],
): Omit<PathVerdict, 'attach' | 'unseen'> {
  const bytes = bytesOf(path);
  const entry = kernelEntryFor(filter, bytes);
  const operationsIn = (mask: number): string[] => OPERATIONS.filter((operation) => mask & OPERATION_BITS[operation]);
  const explanations = watchSet.explain(bytes);
  const logging = explanations.filter(({ watch, matched }) => matched && watch.log);
  return {
    path,
    kernel: entry
      ? {
          prefix: textOf(entry.prefix),
          operations: operationsIn(entry.successMask),
          failures: operationsIn(entry.failureMask),
        }
      : null,
    ...(isDirectory(path) && { move: moveOf(bytes, watchSet) }),
    folds: logging.length > 0 && logging.every(({ watch }) => watch.fold),
    watches: explanations.map((explanation) => {
      const { watch, matched } = explanation;
      const include = writtenPattern(watch.name, 'include', explanation.include?.source, linked);
      const exclude = writtenPattern(watch.name, 'exclude', explanation.exclude?.source, linked);
      return {
        watch: watch.name,
        view: watch.view,
        matched,
        include: include.written ?? null,
        exclude: exclude.written ?? null,
        ...(include.resolved !== undefined && { include_resolved: include.resolved }),
        ...(exclude.resolved !== undefined && { exclude_resolved: exclude.resolved }),
        decided_by: decidingStage(explanation, bytes),
        log: watch.log,
      };
    }),
  };
}

function isDirectory(path: string): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    return false;
  }
}

function moveOf(bytes: string, watchSet: WatchSet): { matching: string[]; below: string[] } {
  const matching = new Set(watchSet.explain(bytes).flatMap(({ watch, matched }) => (matched ? [watch] : [])));
  const views = ['host', 'process'] as const;
  const lost = new Set(
    views.flatMap((view) => watchSet.lostBelow({ from: [{ path: bytes, cut: false }], to: [], isBeside: false }, view)),
  );
  const wanting = watchSet.watches.filter(({ operations }) => operations.includes('move'));
  return {
    matching: wanting.filter((watch) => matching.has(watch)).map(({ name }) => name),
    below: wanting
      .filter((watch) => !matching.has(watch) && lost.has(watchSet.watches.indexOf(watch)))
      .map(({ name }) => name),
  };
}

/** What stands in the configuration for a pattern of a watch. */
function writtenPattern(
  watch: string,
  role: GlobRole,
  pattern: string | undefined,
  linked: readonly LinkedPattern[],
): { written: string | undefined; resolved?: string } {
  if (pattern === undefined) return { written: undefined };
  const link = linked.find((one) => one.watch === watch && one.role === role && one.resolved === pattern);
  return link === undefined ? { written: pattern } : { written: link.pattern, resolved: pattern };
}

/**
 * Events name what was removed, so links in the parents are followed as far as the parents exist, but the last name is taken
 * as it is.
 */
function reportedPath(path: string): string {
  const absolute = resolve(path);
  if (absolute === '/') return absolute;
  for (let directory = dirname(absolute); ; directory = dirname(directory)) {
    try {
      return join(realpathSync.native(directory), relative(directory, absolute));
    } catch {
      if (directory === '/') return absolute;
    }
  }
}

function render({ path, kernel, move, watches, folds }: PathVerdict, mode: KnownMode | undefined): string {
  const width = Math.max(...watches.map(({ watch }) => watch.length));
  const lines = watches.map((verdict) => {
    const { watch, matched, include, exclude, decided_by } = verdict;
    const reason =
      include === null
        ? 'no include pattern matches'
        : `included by ${include}${byLink(verdict.include_resolved)}` +
          (exclude === null ? '' : `, but excluded by ${exclude}${byLink(verdict.exclude_resolved)}`);
    const view = verdict.view === 'process' ? ', as the process sees the path' : '';
    const counts = matched && !verdict.log ? ', counted only' : '';
    return `  ${watch.padEnd(width)}  ${matched ? 'match   ' : 'no match'}  ${reason} (decided by the ${decided_by}${view}${counts})\n`;
  });
  const failures =
    kernel === null || kernel.failures.length === 0 ? '' : `, and failed attempts at ${kernel.failures.join(', ')},`;
  const passes =
    kernel === null
      ? 'the kernel drops deletions here, no watch can want them'
      : `the kernel passes on ${kernel.operations.join(', ')}${failures} below ${kernel.prefix}`;
  const told = [
    passes,
    ...(move === undefined ? [] : [moveText(move)]),
    ...(folds ? ['in a burst only summaries are written, because every watch that matches has fold: true'] : []),
    ...modeTexts(mode),
  ];
  return `${escapeControl(path)}\n${lines.join('')}${told.map((one) => `  ${escapeControl(one)}\n`).join('')}`;
}

/** What the mode does not see; nothing of the modes that see everything. */
function modeTexts(mode: KnownMode | undefined): string[] {
  if (mode?.attach !== 'tracepoint') return [];
  const who = mode.by === 'daemon' ? 'which the running daemon has' : 'which probe.attach asks for';
  return [
    `in tracepoint mode, ${who}, ${unseenOperations(mode.attach).join(', ')} is not seen, and of io_uring nothing;` +
      ' a path is judged as the program typed it, links in its parents included',
  ];
}

function moveText({ matching, below }: NonNullable<PathVerdict['move']>): string {
  if (matching.length + below.length === 0) return 'moving this directory away takes nothing from any watch';
  const told = [
    ...(matching.length > 0 ? [`${matching.join(', ')}, which match it`] : []),
    ...(below.length > 0 ? [`${below.join(', ')}, of which it takes along what may lie below`] : []),
  ];
  return `moving this directory away is reported for ${told.join('; and for ')}`;
}

function byLink(resolved: string | undefined): string {
  return resolved === undefined ? '' : ` (by a symbolic link: ${resolved})`;
}
