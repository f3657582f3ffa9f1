import * as z from 'zod';
import { configFileSchema } from './schema.js';

/** The JSON Schema that editors check and complete rmwatch.yaml with: what may be written, not what it becomes. */
export function configJsonSchema(): Record<string, unknown> {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'rmwatch configuration',
    ...z.toJSONSchema(configFileSchema, { io: 'input', target: 'draft-07' }),
  };
}

/** As it is kept in config/rmwatch.schema.json. */
export function configJsonSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
}
