/** Which path an event must give: what the kernel removed, or, where nothing more is known, what the text says. */
import { isUtf8 } from 'node:buffer';
import type { Attempt, Event, ExpectedPath, ReportMismatch } from './attempt.js';

/** Joins names by their text alone. `hasParents`: some of them could be symbolic links. */
export function joinLexically(base: string, typed: string): { path: string; hasParents: boolean } {
  const root = typed.startsWith('/') ? base : '';
  const names = typed.startsWith('/') ? [] : base.split('/').filter((name) => name !== '');
  const typedNames = typed.split('/').filter((name) => name !== '' && name !== '.');
  for (const name of typedNames) {
    if (name === '..') names.pop();
    else names.push(name);
  }
  const path = (root === '/' ? '' : root) + names.map((name) => `/${name}`).join('');
  return { path: path || '/', hasParents: typedNames.length > 1 || typedNames[0] === '..' };
}

export function expectedPath(
  attempt: Pick<Attempt, 'path_state' | 'exact' | 'path' | 'base' | 'requested'>,
): ExpectedPath {
  const state = attempt.path_state;
  if (state === 'unknown') return { path: null, also: null, complete: false };
  const complete = state === 'complete' ? true : state === 'incomplete' ? false : null;
  if (attempt.exact) return { path: attempt.path, also: null, complete };
  // /proc could not tell a directory that deep.
  if (attempt.base === null) return { path: null, also: null, complete: null };
  const joined = joinLexically(attempt.base, attempt.requested ?? '');
  if (!joined.hasParents) return { path: joined.path, also: null, complete };
  return { path: joined.path, also: attempt.path, complete: complete === true ? null : complete };
}

/** Checks file.path, name and directory, and the rmwatch members that belong to them. */
export function judgePath({ target }: Attempt, event: Event, report: ReportMismatch): void {
  const { file = {}, rmwatch = {} } = event;
  const complete = rmwatch.path_complete;
  if (typeof complete !== 'boolean') report('rmwatch.path_complete', 'true or false', complete);
  else if (target.complete !== null && complete !== target.complete)
    report('rmwatch.path_complete', target.complete, complete);
  const { path: expected } = target;
  if (expected === null) return;

  const actual = bytesOf(file.path, rmwatch.path_bytes);
  const text = (bytes: string) => Buffer.from(bytes, 'latin1').toString();
  const allowed = allowedPaths({ ...target, path: expected }, complete);
  if (actual === undefined || !allowed.some((path) => (complete ? actual === path : isTail(actual, path)))) {
    report('file.path', allowed.map(text).join(' or '), file.path);
    return;
  }
  // The text and the bytes must say the same; bytes are there only where text cannot be.
  const lossy = !isUtf8(Buffer.from(actual, 'latin1'));
  if (text(actual) !== file.path) report('file.path', text(actual), file.path);
  if (!lossy && rmwatch.path_bytes !== undefined) report('rmwatch.path_bytes', undefined, rmwatch.path_bytes);

  const slash = actual.lastIndexOf('/');
  const name = text(actual.slice(slash + 1));
  const directory = text(actual.slice(0, slash)) || '/';
  if (file.name !== name && !(name === '' && file.name === undefined)) report('file.name', name, file.name);
  if (file.directory !== directory) report('file.directory', directory, file.directory);
}

/** The text's own meaning is enough only as long as it is not passed off as resolved. */
function allowedPaths({ path, also, complete }: ExpectedPath & { readonly path: string }, claimed: boolean): string[] {
  if (also === null) return [path];
  return claimed && complete === null ? [also] : [path, also];
}

function isTail(actual: string, path: string): boolean {
  return actual !== '' && actual.startsWith('/') && path.endsWith(actual);
}

function bytesOf(text: unknown, base64: unknown): string | undefined {
  if (typeof base64 === 'string') return Buffer.from(base64, 'base64').toString('latin1');
  return typeof text === 'string' ? Buffer.from(text).toString('latin1') : undefined;
}
