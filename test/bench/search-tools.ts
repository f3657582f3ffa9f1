/** The ways to ask a log, each as a shell command that prints how many deletions it found. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { missing } from './installed.js';
import type { SearchLog } from './search-log.js';

/** scripts/setup.sh --bench unpacks it here: to install it would start auditd. */
const AUDIT = fileURLToPath(new URL('../../build/bench/audit', import.meta.url));

export interface Question {
  readonly title: string;
  readonly ask: (log: SearchLog, program: readonly string[]) => readonly Asked[];
}

export interface Asked {
  readonly tool: string;
  /** Why it cannot be asked here. */
  readonly reason?: string | undefined;
  readonly command: string;
}

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

function rmwatch(program: readonly string[], input: string, what: string): Asked {
  const command = [...program, 'search', what, '--count', '--input', input].map(quoted).join(' ');
  return { tool: 'rmwatch search', command };
}

/** grep compares text: it finds what is written like this, wherever in a line. */
const grep = (program: 'grep' | 'zgrep', input: string, text: string): Asked => ({
  tool: program,
  reason: missing(program, program === 'grep' ? 'grep' : 'gzip'),
  command: `${program} -cF ${quoted(text)} ${quoted(input)}`,
});

function jq(input: string, condition: string): Asked {
  const filter = `reduce (inputs | select(${condition})) as $line (0; . + 1)`;
  return { tool: 'jq', reason: missing('jq', 'jq'), command: `jq -n ${quoted(filter)} ${quoted(input)}` };
}

function ausearch(input: string, file: string): Asked {
  const found = ['sbin', 'usr/sbin'].map((directory) => path.join(AUDIT, directory, 'ausearch')).find(fs.existsSync);
  const libraries = ['lib', 'usr/lib'].map((directory) => path.join(AUDIT, directory, 'x86_64-linux-gnu')).join(':');
  const command = `LD_LIBRARY_PATH=${libraries} ${found} -if ${quoted(input)} -f ${quoted(file)} --raw 2>/dev/null`;
  return {
    tool: 'ausearch, on the log of auditd',
    reason: found === undefined ? 'ausearch is not there: scripts/setup.sh --bench (auditd)' : undefined,
    command: `${command} | grep -c ^type=SYSCALL`,
  };
}

/** No program of the bench makes it. */
const NOT_THERE = '/srv/that/is/not/there';

export const QUESTIONS: readonly Question[] = [
  {
    title: 'who deleted one file',
    ask: (log, program) => [
      rmwatch(program, log.json, log.file),
      grep('grep', log.json, `"path":${JSON.stringify(log.file)}`),
      jq(log.json, `.file.path == ${JSON.stringify(log.file)}`),
      ausearch(log.audit, log.file),
    ],
  },
  {
    title: 'what was deleted below a directory',
    ask: (log, program) => [
      rmwatch(program, log.json, log.directory),
      grep('grep', log.json, `"path":"${log.directory}/`),
      // The daemon's own lines name no file.
      jq(log.json, `.file.path // "" | startswith(${JSON.stringify(`${log.directory}/`)})`),
      ausearch(log.audit, `${log.directory}/`),
    ],
  },
  {
    title: 'who deleted one file, in the compressed log',
    ask: (log, program) => [
      rmwatch(program, log.compressed, log.file),
      grep('zgrep', log.compressed, `"path":${JSON.stringify(log.file)}`),
    ],
  },
  {
    title: 'a path that is not there',
    ask: (log, program) => [
      rmwatch(program, log.json, NOT_THERE),
      grep('grep', log.json, `"path":"${NOT_THERE}`),
      jq(log.json, `.file.path == "${NOT_THERE}"`),
      ausearch(log.audit, NOT_THERE),
    ],
  },
];
