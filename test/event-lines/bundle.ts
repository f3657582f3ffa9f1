/** Makes one file of event-lines.ts that needs nothing but Node.js, for guests, which have no packages. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ValidateFunction } from 'ajv';
import type { Ajv2020 } from 'ajv/dist/2020.js';
import standaloneCode from 'ajv/dist/standalone/index.js';
import { rolldown } from 'rolldown';
import { compileEventSchema } from './schema.js';

/** A CommonJS module, whose default export tsc and Node.js see in different places. */
const makeCode = standaloneCode.default as unknown as (ajv: Ajv2020, validate: ValidateFunction) => string;

const HERE = fileURLToPath(new URL('.', import.meta.url));
const COMPILED = path.join(HERE, 'compiled-schema.cjs');

/** Instead of a compiler of schemas the guest gets what it compiles. */
const compiledSchema = {
  name: 'compiled-schema',
  resolveId: (source: string) =>
    source === './validate.js' ? `${COMPILED}.mjs` : source === COMPILED ? COMPILED : null,
  load(id: string) {
    if (id === `${COMPILED}.mjs`)
      return `import validate from ${JSON.stringify(COMPILED)}; export const validateEvent = validate;`;
    if (id !== COMPILED) return null;
    const { ajv, validate } = compileEventSchema({ code: { source: true } });
    return makeCode(ajv, validate);
  },
};

/** Returns the bundle, in a new directory. */
export async function bundleEventLines(): Promise<string> {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-event-lines-')), 'event-lines.mjs');
  const build = await rolldown({
    input: path.join(HERE, 'event-lines.ts'),
    platform: 'node',
    plugins: [compiledSchema],
  });
  await build.write({ file, format: 'esm' });
  await build.close();
  return file;
}
