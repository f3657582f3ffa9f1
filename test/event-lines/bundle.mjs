/** Makes of event-lines.mjs one file that needs nothing but Node.js, for guests, which have no packages. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import standaloneCode from 'ajv/dist/standalone/index.js';
import { rolldown } from 'rolldown';
import { compileEventSchema } from './schema.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const COMPILED = path.join(HERE, 'compiled-schema.cjs');

/** Instead of a compiler of schemas the guest gets what it compiles. */
const compiledSchema = {
  name: 'compiled-schema',
  resolveId: (source) => (source === './validate.mjs' ? `${COMPILED}.mjs` : source === COMPILED ? COMPILED : null),
  load(id) {
    if (id === `${COMPILED}.mjs`)
      return `import validate from ${JSON.stringify(COMPILED)}; export const validateEvent = validate;`;
    if (id !== COMPILED) return null;
    const { ajv, validate } = compileEventSchema({ code: { source: true } });
    return standaloneCode.default(ajv, validate);
  },
};

/** @returns {Promise<string>} the file, made anew */
export async function bundleEventLines() {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-event-lines-')), 'event-lines.mjs');
  const build = await rolldown({
    input: path.join(HERE, 'event-lines.mjs'),
    platform: 'node',
    plugins: [compiledSchema],
  });
  await build.write({ file, format: 'esm' });
  await build.close();
  return file;
}
