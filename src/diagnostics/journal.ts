import fs from 'node:fs';
import type { LogLevel } from '../model/config.js';

/** syslog(3) priorities. */
const PRIORITIES: Readonly<Record<LogLevel, number>> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3, fatal: 2 };

/**
 * Whether `descriptor` is what systemd connected to its journal. JOURNAL_STREAM alone is not enough: children inherit
 * the variable also when their stderr was redirected elsewhere, so it carries device and inode to compare.
 */
export function isJournal(descriptor: number, env: NodeJS.ProcessEnv): boolean {
  const expected = env['JOURNAL_STREAM'];
  if (!expected) return false;
  try {
    const { dev, ino } = fs.fstatSync(descriptor, { bigint: true });
    return expected === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** What the journal cuts off a line and takes for its priority (sd-daemon(3)). */
export function priorityPrefix(level: LogLevel): string {
  return `<${PRIORITIES[level]}>`;
}
