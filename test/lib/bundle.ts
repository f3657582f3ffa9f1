/** Makes one file of a program for guests, which have no packages: it needs nothing but Node.js. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { rolldown } from 'rolldown';
import { compiledSchema } from '../event-lines/compiled-schema.js';

/** `input`: a TypeScript file. It may check event lines: the schema goes with it. Returns the bundle, in a new directory. */
export async function bundleProgram(input: string): Promise<string> {
  const name = path.basename(input).replace(/\.ts$/, '.mjs');
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-bundle-')), name);
  const build = await rolldown({
    input,
    platform: 'node',
    plugins: [compiledSchema],
    onLog(level, log) {
      if (level === 'warn') throw new Error(`bundling ${input}: ${log.message}`);
    },
  });
  await build.write({ file, format: 'esm', codeSplitting: false });
  await build.close();
  return file;
}
