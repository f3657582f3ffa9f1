// Writes config/*.schema.json and docs/fields.md from the built program: the definitions are src/config/schema.ts and
// src/event/event-definition.ts.
import { writeFileSync } from 'node:fs';
import { configJsonSchemaText } from '../dist/config/json-schema.js';
import { fieldsPage } from '../dist/event/fields-page.js';
import { eventJsonSchemaText } from '../dist/event/json-schema.js';

const files = {
  'config/rmwatch.schema.json': configJsonSchemaText(),
  'config/event.schema.json': eventJsonSchemaText(),
  'docs/fields.md': fieldsPage(),
};
for (const [file, text] of Object.entries(files)) writeFileSync(new URL(`../${file}`, import.meta.url), text);
