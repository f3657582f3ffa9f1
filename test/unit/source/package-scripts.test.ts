import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const { scripts } = JSON.parse(fs.readFileSync(`${root}package.json`, 'utf8')) as { scripts: Record<string, string> };

it.each(Object.entries(scripts))('npm run %s names files that are there', (_name, command) => {
  const files = [...command.matchAll(/(?<=^|\s)(?:\.\/)?[\w/.-]+\.(?:m?[jt]s|sh)(?=\s|$)/g)].map(([file]) => file);
  expect(files.filter((file) => !fs.existsSync(`${root}${file}`))).toEqual([]);
});
