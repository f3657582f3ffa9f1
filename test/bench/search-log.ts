/** The log that is searched: real lines of the daemon, the same compressed, and what the audit system writes of the same. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { lostEvents } from '../lib/metrics.js';
import { isOfRecord } from '../lib/record-marks.js';
import type { Context } from './context.js';
import { forEachLine } from './lines.js';
import { MeasuredDaemon, matchingWatch } from './measured-daemon.js';
import type { Workload } from './plan.js';
import { prepareWorkload, runWorkload } from './workloads.js';

/** Of the processes that delete the files, and so of their directories. */
const DIRECTORIES = 8;
const WRITE_BYTES = 1 << 20;

export interface SearchLog {
  /** One event a line. */
  readonly json: string;
  readonly compressed: string;
  /** The same deletions as auditd logs them: five records each. */
  readonly audit: string;
  readonly lines: number;
  readonly bytes: number;
  /** One that was deleted, in the middle. */
  readonly file: string;
  /** A part of all was deleted in it. */
  readonly directory: string;
}

/** Has files deleted under the daemon, and keeps its log. Throws when not each of them is told. */
export async function makeSearchLog(mode: string, context: Context): Promise<SearchLog> {
  const { plan, program, programs, roots, outputs } = context;
  const workload: Workload = {
    ...{ name: 'search', title: 'search', filesystem: 'tmpfs', kind: 'loop', files: plan.searchLines },
    last: DIRECTORIES,
  };
  prepareWorkload(workload, roots);
  const json = path.join(outputs, 'search.json');
  const watches = [matchingWatch(roots)];
  const measured = await MeasuredDaemon.start({ program, mode, watches, outputs, quietMs: plan.quietMs });
  try {
    const { deletions } = await runWorkload(workload, { programs, roots });
    const metrics = await measured.daemon.settleLog();
    const lines = measured.daemon.eventLines();
    if (lines !== deletions) {
      const lost = `${lostEvents(metrics)} counted as lost`;
      throw new Error(`the log to search has ${lines} lines of ${deletions} deletions, ${lost}`);
    }
    fs.renameSync(measured.daemon.eventsFile, json);
  } finally {
    await measured.stop();
  }
  const compressed = `${json}.gz`;
  execFileSync('sh', ['-c', 'gzip -c "$1" > "$2"', 'sh', json, compressed]);
  const audit = path.join(outputs, 'audit.log');
  const paths = writeAuditLog(json, audit);
  const file = paths[Math.floor(paths.length / 2)]!;
  const { size: bytes } = fs.statSync(json);
  return { json, compressed, audit, lines: paths.length, bytes, file, directory: path.dirname(file) };
}

/** Returns the paths, in the order of the log. */
function writeAuditLog(json: string, audit: string): string[] {
  const paths: string[] = [];
  const output = fs.openSync(audit, 'w');
  let text = '';
  forEachLine(json, (line) => {
    const event = JSON.parse(line);
    if (isOfRecord(event)) return;
    paths.push(event.file.path);
    text += auditRecords(event, paths.length);
    if (text.length < WRITE_BYTES) return;
    fs.writeSync(output, text);
    text = '';
  });
  fs.writeSync(output, text);
  fs.closeSync(output);
  return paths;
}

/** The records of one deletion, as Debian's auditd writes them for a rule on unlink. */
// biome-ignore lint/suspicious/noExplicitAny: a line of the log
function auditRecords(event: any, serial: number): string {
  const seconds = Date.parse(event['@timestamp']) / 1000;
  const message = `msg=audit(${seconds.toFixed(3)}:${serial}):`;
  const { pid, name, executable = '', working_directory: directory = '/', parent } = event.process;
  const capabilities = 'cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0';
  const entry = (item: number, path: string, inode: string, mode: string, type: string) =>
    `item=${item} name="${path}" inode=${inode} dev=00:19 mode=${mode} ouid=0 ogid=0 rdev=00:00 nametype=${type} ${capabilities}`;
  const ids = 'auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4294967295';
  const call = 'arch=c000003e syscall=87 success=yes exit=0 a0=7ffd6a1c a1=0 a2=0 a3=0 items=2';
  return [
    `type=SYSCALL ${message} ${call} ppid=${parent?.pid ?? 1} pid=${pid} ${ids} comm="${name}" exe="${executable}" key="bench"`,
    `type=CWD ${message} cwd="${directory}"`,
    `type=PATH ${message} ${entry(0, `${event.file.directory}/`, '2', '040755', 'PARENT')}`,
    `type=PATH ${message} ${entry(1, event.file.path, event.file.inode ?? '0', '0100644', 'DELETE')}`,
    `type=PROCTITLE ${message} proctitle="${name}"`,
    '',
  ].join('\n');
}
