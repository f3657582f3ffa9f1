/** What the pages name as their proofs is there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (file: string) => readFileSync(`${root}/${file}`, 'utf8');
const inDirectory = (directory: string, ending: string) =>
  readdirSync(`${root}/${directory}`)
    .filter((name) => name.endsWith(ending))
    .map((name) => `${directory}/${name}`);

const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...inDirectory('docs', '.md')];
const programs = inDirectory('test/workload/program', '.c').map(read).join('');

/** The names behind "case" and "cases", as in: cases `links`, `sizes`. */
function citedCases(text: string): string[] {
  const lists = text.matchAll(/\bcases? ((?:`[a-z0-9-]+`(?:, | and )?)+)/g);
  return [...lists].flatMap(([, list]) => [...list!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
}

describe('the proofs of the documentation', () => {
  it.each(pages)('are files of the checkout in %s', (page) => {
    const files = [...read(page).matchAll(/`((?:test|src)\/[\w./-]+)`/g)].map(([, file]) => file!);
    expect(files.filter((file) => !existsSync(`${root}/${file}`))).toEqual([]);
  });

  it('are cases of the workload', () => {
    const cited = pages.flatMap((page) => citedCases(read(page)));
    expect(cited.length).toBeGreaterThan(20);
    expect(cited.filter((name) => !programs.includes(`{ "${name}", `))).toEqual([]);
  });
});
