import fs from 'node:fs';
import type { Options, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';

const SCHEMA = new URL('../../config/event.schema.json', import.meta.url);

/** Compiles config/event.schema.json. */
export function compileEventSchema(options: Options = {}): { ajv: Ajv2020; validate: ValidateFunction } {
  const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, ...options });
  return { ajv, validate: ajv.compile(JSON.parse(fs.readFileSync(SCHEMA, 'utf8'))) };
}
