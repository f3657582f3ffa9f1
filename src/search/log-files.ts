import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { rotatedNames } from '../output/rotated-files.js';
import { type LogFile, openLogFile, SourceError } from './log-file.js';

/** More files than any rotation keeps; each is held open while the search runs. */
const FILES_MAX = 1000;

export interface FoundFiles {
  /** Oldest first. */
  readonly files: readonly LogFile[];
  readonly errors: readonly SourceError[];
}

/**
 * Opens a log file and everything that a rotation has made of it. What is not there is no error, except that nothing is
 * there at all. A file that is renamed meanwhile is found once under one of its names: all are opened before any is read.
 */
export async function findLogFiles(output: string): Promise<FoundFiles> {
  const directory = dirname(output);
  const name = basename(output);
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'does not exist' : code === 'EACCES' ? 'may not be read by this user' : code;
    return { files: [], errors: [new SourceError(directory, String(reason), code)] };
  }
  const found = new Map<string, LogFile>();
  const errors: SourceError[] = [];
  // The newest last: a file that moves on while they are opened moves towards the names that come next, or is met twice.
  const wanted = [...(names.includes(name) ? [name] : []), ...rotatedNames(names, name).reverse()];
  if (wanted.length > FILES_MAX) {
    errors.push(new SourceError(output, `has ${wanted.length} rotated files; only the newest ${FILES_MAX} are read`));
  }
  for (const each of wanted.slice(0, FILES_MAX)) {
    try {
      const file = await openLogFile(join(directory, each));
      if (found.has(file.identity)) await file.handle.close();
      else found.set(file.identity, file);
    } catch (error) {
      if ((error as SourceError).code !== 'ENOENT') errors.push(error as SourceError);
    }
  }
  const files = [...found.values()].reverse();
  if (files.length === 0 && errors.length === 0) errors.push(new SourceError(output, 'does not exist', 'ENOENT'));
  return { files, errors };
}
