/** What it takes to find something in the log: rmwatch search beside the tools that read the same, by turns. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import type { Context } from './context.js';
import { attachModes } from './rmwatch.js';
import { makeSearchLog } from './search-log.js';
import { type Asked, QUESTIONS } from './search-tools.js';
import { type Spread, spread } from './statistics.js';

/** A search of a whole log varies less than a deletion. */
const MOST_ROUNDS = 5;
const ANSWER_SECONDS = 120;
/** As timeout(1) tells it. */
const TIMED_OUT = 124;

export interface SearchRow {
  readonly tool: string;
  /** Why there are no figures. */
  readonly reason?: string | undefined;
  readonly found?: number;
  /** Seconds of CPU, of all processes that took part. */
  readonly cpuSeconds?: Spread | undefined;
  readonly wallSeconds?: Spread | undefined;
}

export interface SearchFigures {
  readonly lines: number;
  readonly bytes: number;
  readonly rounds: number;
  readonly questions: readonly { readonly title: string; readonly rows: readonly SearchRow[] }[];
}

interface Answer {
  readonly found: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

/** What went wrong instead, when the command answers no number in time. */
function answerOf(command: string): Answer | string {
  const script = `TIMEFORMAT='%R %U %S'; time { ${command}; }`;
  // timeout(1) ends all processes of the command: one that went on would take CPU from the next tool.
  const limited = ['--signal=KILL', String(ANSWER_SECONDS), 'bash', '-c', script];
  const { stdout, stderr, error, status, signal } = spawnSync('timeout', limited, { encoding: 'utf8' });
  const [, wall, user, system] = /(\S+) (\S+) (\S+)\s*$/.exec(stderr) ?? [];
  if (error !== undefined) return error.message;
  if (status === TIMED_OUT || signal === 'SIGKILL') return `no answer in ${ANSWER_SECONDS} s`;
  if (!/^\d+\s*$/.test(stdout) || wall === undefined) return `no answer: ${stdout}${stderr}`.slice(0, 500);
  return { found: Number(stdout), cpuSeconds: Number(user) + Number(system), wallSeconds: Number(wall) };
}

/** All that were asked must find the same. */
function rowOf({ tool, reason }: Asked, answers: readonly Answer[], expected: number | undefined): SearchRow {
  if (reason !== undefined) return { tool, reason };
  const [first] = answers;
  if (first === undefined) return { tool, reason: 'not asked' };
  const row = { tool, found: first.found };
  if (first.found !== expected) return { ...row, reason: `found ${first.found} of ${expected}` };
  return {
    ...row,
    cpuSeconds: spread(answers.map(({ cpuSeconds }) => cpuSeconds)),
    wallSeconds: spread(answers.map(({ wallSeconds }) => wallSeconds)),
  };
}

/** undefined when no deletion can be seen here, and so no log be made. */
export async function measureSearch(context: Context): Promise<SearchFigures | undefined> {
  const { plan, program, outputs, say } = context;
  const { preferred } = attachModes(program);
  if (preferred === null) return undefined;
  const rounds = Math.min(plan.rounds, MOST_ROUNDS);
  say(`making a log of ${plan.searchLines} lines to search`);
  try {
    const log = await makeSearchLog(preferred, context);
    const questions = QUESTIONS.map(({ title, ask }) => {
      const asked = ask(log, program);
      const answers = asked.map(() => [] as Answer[]);
      // One tool that fails must not take the others' figures with it.
      const failed: (string | undefined)[] = asked.map(() => undefined);
      for (let round = 1; round <= rounds; round++) {
        say(`round ${round} of ${rounds}: ${title}`);
        for (const [index, { reason, command }] of asked.entries()) {
          if (reason !== undefined || failed[index] !== undefined) continue;
          const answer = answerOf(command);
          if (typeof answer === 'string') failed[index] = answer;
          else answers[index]!.push(answer);
        }
      }
      const expected = answers[0]![0]?.found;
      return {
        title,
        rows: asked.map((one, index) =>
          rowOf({ ...one, reason: one.reason ?? failed[index] }, answers[index]!, expected),
        ),
      };
    });
    return { lines: log.lines, bytes: log.bytes, rounds, questions };
  } finally {
    fs.rmSync(outputs, { recursive: true, force: true });
  }
}
