/** An independent matcher for tests: patterns as a regular expression, the slow and obvious way. ASCII only. */
export function plainMatch(pattern: string, path: string): boolean {
  const absolute = pattern.startsWith('/') ? pattern : `/**/${pattern}`;
  const segments = absolute.slice(1).split('/');
  let source = '^';
  segments.forEach((segment, index) => {
    const isLast = index === segments.length - 1;
    if (segment === '**') {
      source += isLast ? '(/[^/]+)+' : '(/[^/]+)*';
      return;
    }
    const body = segment
      .replace(/[.+^${}()|]/g, '\\$&')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]');
    source += `/${body.replaceAll('[!', '[^/')}`;
  });
  return new RegExp(`${source}$`, 's').test(path);
}

/** A small repeatable random number generator (mulberry32). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export function randomPath(random: (below: number) => number): string {
  const names = ['a', 'b', 'ab', 'ba', 'aab', 'c', 'c.d'];
  return Array.from({ length: 1 + random(5) }, () => `/${names[random(names.length)]}`).join('');
}

export function randomPattern(random: (below: number) => number, relative = false): string {
  const segments = ['a', 'b', 'ab', 'c.d', '*', '*', 'a*', '*b', 'a*b', '?', '?b', '*a*', '[ab]', '[!a]*', '**', '**'];
  const text = Array.from({ length: 1 + random(4) }, () => `/${segments[random(segments.length)]}`).join('');
  return relative && random(2) === 0 ? text.slice(1) : text;
}
