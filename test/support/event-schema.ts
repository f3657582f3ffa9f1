import fs from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';

const SCHEMA = new URL('../../config/event.schema.json', import.meta.url);

const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: true });
const validate = ajv.compile(JSON.parse(fs.readFileSync(SCHEMA, 'utf8')));

/** What is wrong with a parsed line of the event log; nothing when all is well. */
export function validateEventLine(line: unknown): string[] {
  if (validate(line)) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) =>
    [instancePath || '/', message, JSON.stringify(params)].join(' '),
  );
}
