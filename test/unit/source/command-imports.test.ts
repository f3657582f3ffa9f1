import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SOURCE = fileURLToPath(new URL('../../../src/', import.meta.url));

/** What a module imports or passes on when it is loaded. */
const IMPORT = /^(?:import(?! type)|export)\b[^;']*?\bfrom '([^']+)';/gm;

/** The packages that are loaded together with a module: by it, and by all that it imports statically. */
function packagesOf(entry: string): string[] {
  const files = [path.join(SOURCE, entry)];
  const packages = new Set<string>();
  for (const file of files) {
    for (const [, name = ''] of fs.readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const imported = path.join(path.dirname(file), name.replace(/\.js$/, '.ts'));
      if (!name.startsWith('.')) packages.add(name);
      else if (!files.includes(imported)) files.push(imported);
    }
  }
  return [...packages].filter((name) => !name.startsWith('node:')).sort();
}

describe('a command waits for no package that it does not use', () => {
  it.each(['main.ts', 'cli/program.ts', 'cli/dispatch.ts', 'cli/search.ts', 'cli/who.ts'])('%s', (entry) => {
    expect(packagesOf(entry)).toEqual([]);
  });

  it('those of the daemon are found', () => {
    expect(packagesOf('cli/run.ts')).toEqual(expect.arrayContaining(['pino', 'prom-client', 'zod']));
  });
});
