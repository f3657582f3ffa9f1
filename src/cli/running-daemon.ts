import { readFileSync, readlinkSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { Parsed } from '../config/units.js';
import { parseCommandLine } from './command-line.js';

/** The configuration file that the daemon with this process id was started with; undefined: the default one. */
export function configOfDaemon(pid: string, proc = '/proc'): Parsed<string | undefined> {
  if (!/^[1-9][0-9]*$/.test(pid)) return { error: `option --pid must be a process id, got "${pid}"` };
  const noDaemon = { error: `process ${pid} is no "rmwatch run" that reads a file` };
  try {
    const args = readFileSync(`${proc}/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    const program = args.findIndex((arg) => arg.endsWith('/main.js'));
    const line = parseCommandLine(args.slice(program + 1));
    if (program < 0 || line.kind !== 'command' || line.command !== 'run' || line.values.has('no-config'))
      return noDaemon;
    const config = line.values.get('config');
    if (config === undefined || isAbsolute(config)) return { value: config };
    return { value: resolve(readlinkSync(`${proc}/${pid}/cwd`), config) };
  } catch (error) {
    return { error: `process ${pid} cannot be looked at: ${(error as Error).message}` };
  }
}
