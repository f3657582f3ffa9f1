/** auditd with rules of its own. It has the rules of a whole machine, so it is measured in a guest only. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { missing } from './installed.js';
import { lineTool } from './line-tool.js';
import type { Listener } from './listener.js';
import type { Roots } from './workloads.js';

/** The kernel's default of 64 records would be lost at once; this is what Debian's rules set. */
const AUDIT_BACKLOG = 8_192;

const CALLS = ['unlink', 'unlinkat', 'rmdir'].flatMap((call) => ['-S', call]);
const OWN_SETTINGS = ['log_file', 'max_log_file_action'];

const auditctl = (...args: readonly string[]) => execFileSync('auditctl', args, { stdio: 'ignore' });

/** Debian's configuration, but for a log on tmpfs that is never rotated. */
function writeConfiguration(directory: string, log: string): void {
  fs.cpSync('/etc/audit', directory, { recursive: true });
  const lines = fs.readFileSync('/etc/audit/auditd.conf', 'utf8').split('\n');
  const kept = lines.filter((line) => !OWN_SETTINGS.some((setting) => line.startsWith(`${setting} `)));
  const own = [`log_file = ${log}`, 'max_log_file_action = IGNORE', ''];
  fs.writeFileSync(path.join(directory, 'auditd.conf'), [...kept, ...own].join('\n'));
}

function addRules(roots: Roots): void {
  auditctl('-D');
  auditctl('-e', '1');
  auditctl('-b', String(AUDIT_BACKLOG));
  for (const root of Object.values(roots)) {
    auditctl('-a', 'always,exit', '-F', 'arch=b64', ...CALLS, '-F', `dir=${root}`, '-k', 'bench');
  }
}

export function auditd(roots: Roots): Listener {
  const log = (outputs: string) => path.join(outputs, 'audit.log');
  const inGuest = process.env['RMWATCH_GUEST'] !== undefined;
  return lineTool({
    name: 'auditd',
    reason: inGuest ? missing('auditd', 'auditd') : 'in a guest only: it has the rules of a whole machine',
    prepare(outputs) {
      const directory = path.join(outputs, 'audit');
      fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
      writeConfiguration(directory, log(outputs));
      addRules(roots);
    },
    // What stays on would cost those that have their turn later.
    cleanUp() {
      auditctl('-D');
      auditctl('-e', '0');
    },
    command: (outputs) => ['auditd', '-n', '-c', path.join(outputs, 'audit')],
    outputFile: log,
    isReady: (tool) => tool.output() !== '',
    isMine: () => (line) => line.includes('type=SYSCALL') && line.includes('bench'),
  });
}
