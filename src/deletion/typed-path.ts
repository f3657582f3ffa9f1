/** An empty name, "." or "..", or a slash at the end. */
const NEEDS_CARE = /\/(?:\.{0,2}(?:\/|$))/;

/** What a base directory and a typed name mean by their text alone. */
export interface JoinedPath {
  /** Absolute, without "//", "." and ".."; latin1 view. */
  readonly path: string;
  /** The typed name has parents, which may be symbolic links: the text alone does not tell where they lead. */
  readonly hasParents: boolean;
}

/**
 * Joins a typed name to the directory it starts from. `base` is absolute and resolved, without a slash at the end, ''
 * for the root; for an absolute name it is the root directory of the process.
 */
export function joinTyped(base: string, typed: string): JoinedPath {
  if (typed === '') return { path: base || '/', hasParents: false };
  const below = typed.startsWith('/') ? typed : `/${typed}`;
  // By far most names: the text is the path already.
  if (!NEEDS_CARE.test(below)) return { path: base + below, hasParents: below.lastIndexOf('/') > 0 };
  const rootLength = typed.startsWith('/') ? base.length : 0;
  const names = base.slice(rootLength).split('/').filter(Boolean);
  const typedNames = typed.split('/').filter((name) => name !== '' && name !== '.');
  for (const name of typedNames) {
    if (name === '..') names.pop();
    else names.push(name);
  }
  const path = base.slice(0, rootLength) + names.map((name) => `/${name}`).join('');
  return { path: path || '/', hasParents: typedNames.length > 1 || typedNames[0] === '..' };
}
