import fs from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';

const SCHEMA = new URL('../../config/event.schema.json', import.meta.url);

/** Compiles config/event.schema.json. @param {import('ajv').Options} [options] */
export function compileEventSchema(options = {}) {
  const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, ...options });
  return { ajv, validate: ajv.compile(JSON.parse(fs.readFileSync(SCHEMA, 'utf8'))) };
}
