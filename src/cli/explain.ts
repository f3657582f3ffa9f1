import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { loadConfig } from '../config/load.js';
import { formatProblem } from '../config/problem.js';
import { OPERATIONS } from '../model/config.js';
import { escapeControl } from '../text/escape.js';
import { bytesOf, textOf } from '../text/utf8.js';
import { decidingStage, type Stage } from '../watch/deciding-stage.js';
import { type KernelFilterEntry, kernelEntryFor, kernelFilter, OPERATION_BITS } from '../watch/kernel-filter.js';
import { WatchSet } from '../watch/watch-set.js';
import { EXIT } from './exit-codes.js';
import type { CommandIo } from './io.js';

export interface ExplainOptions {
  readonly paths: readonly string[];
  readonly config: string | undefined;
  readonly json: boolean;
}

interface WatchVerdict {
  readonly watch: string;
  readonly view: 'host' | 'process';
  readonly matched: boolean;
  readonly include: string | null;
  readonly exclude: string | null;
  readonly decided_by: Stage;
}

interface PathVerdict {
  /** As an event would name it: absolute, symbolic links in the parents resolved as far as they exist. */
  readonly path: string;
  /** null: the kernel drops everything at this path. */
  readonly kernel: { readonly prefix: string; readonly operations: string[]; readonly failures: string[] } | null;
  readonly watches: readonly WatchVerdict[];
}

export async function explain({ paths, config, json }: ExplainOptions, io: CommandIo): Promise<number> {
  const loaded = await loadConfig(config);
  if ('problems' in loaded) {
    for (const problem of loaded.problems) io.stderr.write(`${formatProblem(problem)}\n`);
    return EXIT.configuration;
  }
  const watchSet = new WatchSet(loaded.config.watches);
  const filter = kernelFilter(loaded.config.watches);
  const verdicts = paths.map((path) => judge(reportedPath(path), watchSet, filter));
  io.stdout.write(json ? `${JSON.stringify(verdicts, null, 2)}\n` : verdicts.map(render).join('\n'));
  return EXIT.ok;
}

function judge(path: string, watchSet: WatchSet, filter: readonly KernelFilterEntry[]): PathVerdict {
  const bytes = bytesOf(path);
  const entry = kernelEntryFor(filter, bytes);
  const operationsIn = (mask: number): string[] => OPERATIONS.filter((operation) => mask & OPERATION_BITS[operation]);
  return {
    path,
    kernel: entry
      ? {
          prefix: textOf(entry.prefix),
          operations: operationsIn(entry.successMask),
          failures: operationsIn(entry.failureMask),
        }
      : null,
    watches: watchSet.explain(bytes).map((explanation) => ({
      watch: explanation.watch.name,
      view: explanation.watch.view,
      matched: explanation.matched,
      include: explanation.include?.source ?? null,
      exclude: explanation.exclude?.source ?? null,
      decided_by: decidingStage(explanation, bytes),
    })),
  };
}

/** Events name what was removed, so links in the parents are followed, but the last name is taken as it is. */
function reportedPath(path: string): string {
  const absolute = resolve(path);
  try {
    return join(realpathSync.native(dirname(absolute)), basename(absolute));
  } catch {
    return absolute;
  }
}

function render({ path, kernel, watches }: PathVerdict): string {
  const width = Math.max(...watches.map(({ watch }) => watch.length));
  const lines = watches.map((verdict) => {
    const { watch, matched, include, exclude, decided_by } = verdict;
    const reason =
      include === null
        ? 'no include pattern matches'
        : `included by ${include}${exclude === null ? '' : `, but excluded by ${exclude}`}`;
    const view = verdict.view === 'process' ? ', as the process sees the path' : '';
    return `  ${watch.padEnd(width)}  ${matched ? 'match   ' : 'no match'}  ${reason} (decided by the ${decided_by}${view})\n`;
  });
  const failures =
    kernel === null || kernel.failures.length === 0 ? '' : `, and failed attempts at ${kernel.failures.join(', ')},`;
  const passes =
    kernel === null
      ? 'the kernel drops deletions here, no watch can want them'
      : `the kernel passes on ${kernel.operations.join(', ')}${failures} below ${kernel.prefix}`;
  return `${escapeControl(path)}\n${lines.join('')}  ${escapeControl(passes)}\n`;
}
