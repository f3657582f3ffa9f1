import { fileURLToPath } from 'node:url';
import type { ValidateFunction } from 'ajv';
import type { Ajv2020 } from 'ajv/dist/2020.js';
import standaloneCode from 'ajv/dist/standalone/index.js';
import type { Plugin } from 'rolldown';
import { compileEventSchema } from './schema.js';

/** A CommonJS module, whose default export tsc and Node.js see in different places. */
const makeCode = standaloneCode.default as unknown as (ajv: Ajv2020, validate: ValidateFunction) => string;

const HERE = fileURLToPath(new URL('.', import.meta.url));
const COMPILED = `${HERE}compiled-schema.cjs`;

/** For bundles: what the compiler of schemas makes of config/event.schema.json, instead of the compiler and the file. */
export const compiledSchema: Plugin = {
  name: 'compiled-schema',
  resolveId(source, importer) {
    if (source === COMPILED) return COMPILED;
    return source === './validate.js' && importer?.startsWith(HERE) ? `${COMPILED}.mjs` : null;
  },
  load(id) {
    if (id === `${COMPILED}.mjs`)
      return `import validate from ${JSON.stringify(COMPILED)}; export const validateEvent = validate;`;
    if (id !== COMPILED) return null;
    const { ajv, validate } = compileEventSchema({ code: { source: true } });
    return makeCode(ajv, validate);
  },
};
