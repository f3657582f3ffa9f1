import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { brokenLinks } from '../../lib/markdown-links.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const pages = [root, join(root, 'docs')].flatMap((directory) =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(directory, name)),
);

describe('the documentation', () => {
  it.each(pages)('has no broken link in %s', (page) => expect(brokenLinks(page)).toEqual([]));

  it('begins with a page of at most 120 lines', () => {
    expect(readFileSync(join(root, 'README.md'), 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(120);
  });
});
