import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const SOURCE = fileURLToPath(new URL('../../../src/', import.meta.url));

/** The rooms of src/, from the bottom up: each imports only from rooms before it. */
const ROOMS = [
  ...['model', 'text', 'output', 'diagnostics', 'host', 'probe', 'metrics', 'watch', 'deletion', 'event', 'burst'],
  ...['pipeline', 'http', 'config', 'search', 'socket', 'top', 'page', 'service', 'cli', 'main.ts'],
];

/** "importing file → imported file" for each import of another room. */
function importsBetweenRooms(): { from: string; to: string }[] {
  const files = (fs.readdirSync(SOURCE, { recursive: true }) as string[]).filter((file) => file.endsWith('.ts'));
  return files.flatMap((from) => {
    const text = fs.readFileSync(path.join(SOURCE, from), 'utf8');
    const imported = [...text.matchAll(/(?:from |import |import\()'(\.[^']+)'/g)].map((match) => match[1] ?? '');
    return imported
      .map((to) => ({ from, to: path.join(path.dirname(from), to) }))
      .filter(({ to }) => roomOf(to) !== roomOf(from));
  });
}

const roomOf = (file: string) => file.split(path.sep)[0] ?? '';

it('every room of src/ has its place', () => {
  expect(fs.readdirSync(SOURCE).sort()).toEqual([...ROOMS].sort());
});

it('no import of src/ leads up to a later room, so that there is no circle', () => {
  const imports = importsBetweenRooms();
  expect(imports.length).toBeGreaterThan(100);
  const upwards = imports.filter(({ from, to }) => ROOMS.indexOf(roomOf(to)) >= ROOMS.indexOf(roomOf(from)));
  expect(upwards.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
});
