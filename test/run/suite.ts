/** Runs a row of vitest in a process of its own, and reads from its report what became of each test. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Check } from '../guest/scenarios/checks.js';
import { budgetOf, type Outcome } from './outcome.js';
import type { SuiteRow } from './rows.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** A row that hangs is ended when it has taken this many times its budget: within it the row only fails. */
const PATIENCE = 2;
/** Lines of the output that are shown of a row that did not even report. */
const SHOWN_LINES = 60;

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** What vitest prints for a test's console.log begins with a line of its own that names the test. */
function printed(log: string): string[] {
  const lines = log.split('\n');
  return lines.filter((line, index) => line !== '' && (/^stdout \| /.test(lines[index - 1] ?? '') || isCoverage(line)));
}

const isCoverage = (line: string) => /^(Statements|Branches|Functions|Lines) +: /.test(line);

/** Why vitest fails although every test passed: the floor of the coverage, or something that its output tells. */
function complaints(log: string): string[] {
  const told = log.split('\n').filter((line) => /^(ERROR: Coverage|Error: |⎯+ Unhandled)/.test(line));
  return told.length > 0 ? told : ['its output tells'];
}

/** @param directory of this run: for the report and the output, which stay there */
export async function runSuite(row: SuiteRow, directory: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const began = performance.now();
  const name = row.name.replaceAll(/[^\w]+/g, '-');
  const reportFile = path.join(directory, `${name}.json`);
  const logFile = path.join(directory, `${name}.log`);
  const log = fs.openSync(logFile, 'w');
  const args = ['run', '--project', row.project, '--reporter=default', '--reporter=json', `--outputFile=${reportFile}`];
  if (row.pattern !== undefined) args.push('--testNamePattern', row.pattern);
  args.push(...(row.options ?? []), ...row.files);
  const child = spawn(path.join(ROOT, 'node_modules/.bin/vitest'), args, {
    cwd: ROOT,
    env: { ...process.env, ...env, NO_COLOR: '1' },
    stdio: ['ignore', log, log],
  });
  const timer = setTimeout(() => child.kill('SIGTERM'), budgetOf(row) * PATIENCE * 1_000);
  const code = await new Promise<number | string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exit, signal) => resolve(exit ?? signal ?? 'unknown'));
  });
  clearTimeout(timer);
  fs.closeSync(log);
  const seconds = (performance.now() - began) / 1_000;
  const text = fs.readFileSync(logFile, 'utf8');
  const ended = { row, seconds, notes: printed(text) };
  if (!fs.existsSync(reportFile)) {
    const last = text.trimEnd().split('\n').slice(-SHOWN_LINES);
    return { ...ended, passed: 0, skipped: 0, failed: [{ name: `vitest ended with ${code}`, problems: last }] };
  }
  return { ...ended, ...countsOf(JSON.parse(fs.readFileSync(reportFile, 'utf8')), code, logFile, row) };
}

function countsOf(
  report: Report,
  code: number | string,
  logFile: string,
  row: SuiteRow,
): Pick<Outcome, 'passed' | 'failed' | 'skipped'> {
  const failed: Check[] = [];
  let passed = 0;
  let skipped = 0;
  for (const file of report.testResults) {
    for (const { status, fullName, failureMessages } of file.assertionResults) {
      if (status === 'passed') passed += 1;
      else if (status === 'failed') failed.push({ name: fullName, problems: failureMessages });
      // Tests that the pattern leaves out are none of this row's.
      else if (row.pattern === undefined) skipped += 1;
    }
    if (file.status === 'failed' && file.message !== '') failed.push({ name: file.name, problems: [file.message] });
  }
  if (passed + failed.length === 0) failed.push({ name: 'a test was run', problems: [`none, see ${logFile}`] });
  if (code !== 0 && failed.length === 0) {
    const problems = [...complaints(fs.readFileSync(logFile, 'utf8')), `see ${logFile}`];
    failed.push({ name: `vitest ended with ${code}`, problems });
  }
  return { passed, failed, skipped };
}
