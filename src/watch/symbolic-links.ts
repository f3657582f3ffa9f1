import { readlink } from 'node:fs/promises';
import type { WatchConfig } from '../model/config.js';
import { inSlices, type Steps } from '../model/steps.js';
import { compileGlob, type GlobRole, literalDirectory } from './glob.js';

/** As many as the kernel follows in one path (path_resolution(7)). */
const LINKS_MAX = 40;

/** Reads the target of a symbolic link, or rejects as readlink(2) does; paths are bytes. */
export type ReadLink = (path: Buffer) => Promise<Buffer>;

/** Where the fixed directories of patterns lead at one moment. Paths are in latin1 view, '' for the root. */
export interface FollowedLinks {
  /** Where a directory really is; only those that are reached through a symbolic link. */
  readonly targets: ReadonlyMap<string, string>;
  /** Directories that could not be looked at, and the name of the errno. */
  readonly hidden: ReadonlyMap<string, string>;
}

export const NO_LINKS: FollowedLinks = { targets: new Map(), hidden: new Map() };

/**
 * Follows the symbolic links in the fixed directories of all patterns, as far as the directories exist. Never rejects.
 * One question at a time: a network filesystem that hangs takes one thread of the process, not all.
 */
export async function followLinks(
  watches: readonly Pick<WatchConfig, 'include' | 'exclude'>[],
  readLink: ReadLink = (path) => readlink(path, 'buffer'),
): Promise<FollowedLinks> {
  const walk = new LinkWalk(readLink);
  const targets = new Map<string, string>();
  const hidden = new Map<string, string>();
  for (const directory of await inSlices(directoriesOf(watches))) {
    const { path, problem } = await walk.follow(directory);
    if (path !== directory && problem !== 'ELOOP') targets.set(directory, path);
    if (problem !== undefined) hidden.set(directory, problem);
  }
  return { targets, hidden };
}

export function sameLinks(some: FollowedLinks, others: FollowedLinks): boolean {
  return sameEntries(some.targets, others.targets) && sameEntries(some.hidden, others.hidden);
}

function sameEntries(some: ReadonlyMap<string, string>, others: ReadonlyMap<string, string>): boolean {
  return some.size === others.size && [...some].every(([key, value]) => others.get(key) === value);
}

function* directoriesOf(watches: readonly Pick<WatchConfig, 'include' | 'exclude'>[]): Steps<Set<string>> {
  const directories = new Set<string>();
  const add = (pattern: string, role: GlobRole) => directories.add(literalDirectory(compileGlob(pattern, role)));
  for (const { include, exclude } of watches) {
    for (const pattern of include) add(pattern, 'include');
    for (const pattern of exclude) add(pattern, 'exclude');
    yield;
  }
  directories.delete('');
  return directories;
}

interface Followed {
  readonly path: string;
  /** Name of the errno that ended the walk; what is behind it stays as it was written. */
  readonly problem?: string;
}

/** One walk over the host's directories; what was read once is not read again. */
class LinkWalk {
  private readonly readLink: ReadLink;
  private readonly known = new Map<string, Followed>();

  constructor(readLink: ReadLink) {
    this.readLink = readLink;
  }

  async follow(directory: string, linksLeft = LINKS_MAX): Promise<Followed> {
    const known = this.known.get(directory);
    if (known !== undefined) return known;
    const followed = await this.followLast(directory, linksLeft);
    this.known.set(directory, followed);
    return followed;
  }

  private async followLast(directory: string, linksLeft: number): Promise<Followed> {
    // Links in /proc lead to what the reading process has, and nothing can be deleted there.
    if (directory === '' || directory === '/proc' || directory.startsWith('/proc/')) return { path: directory };
    const slash = directory.lastIndexOf('/');
    const parent = await this.follow(directory.slice(0, slash), linksLeft);
    const name = directory.slice(slash + 1);
    const path = `${parent.path}/${name}`;
    if (parent.problem !== undefined) return { ...parent, path };
    let target: string;
    try {
      target = (await this.readLink(Buffer.from(path, 'latin1'))).toString('latin1');
    } catch (error) {
      return { path, ...problemOf(error) };
    }
    if (linksLeft === 0) return { path, problem: 'ELOOP' };
    return this.followTarget(target.startsWith('/') ? '' : parent.path, target, linksLeft - 1);
  }

  /** `start` is resolved. */
  private async followTarget(start: string, target: string, linksLeft: number): Promise<Followed> {
    let reached: Followed = { path: start };
    for (const name of target.split('/')) {
      if (name === '' || name === '.') continue;
      if (name === '..')
        reached = { ...reached, path: reached.path.slice(0, Math.max(0, reached.path.lastIndexOf('/'))) };
      else if (reached.problem !== undefined) reached = { ...reached, path: `${reached.path}/${name}` };
      else reached = await this.follow(`${reached.path}/${name}`, linksLeft);
    }
    return reached;
  }
}

/** No link, nothing there yet, or below a file: the path is what it says. */
function problemOf(error: unknown): { problem?: string } {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  return ['EINVAL', 'ENOENT', 'ENOTDIR'].includes(code) ? {} : { problem: code };
}
