// Writes config/*.schema.json, docs/fields.md and docs/metrics.md from the built program: the definitions are
// src/config/schema.ts, src/event/event-definition.ts and src/metrics/registry.ts.
import { writeFileSync } from 'node:fs';
import { configJsonSchemaText } from '../dist/config/json-schema.js';
import { fieldsPage } from '../dist/event/fields-page.js';
import { eventJsonSchemaText } from '../dist/event/json-schema.js';
import { metricsPage } from '../dist/metrics/metrics-page.js';

const files = {
  'config/rmwatch.schema.json': configJsonSchemaText(),
  'config/event.schema.json': eventJsonSchemaText(),
  'docs/fields.md': fieldsPage(),
  'docs/metrics.md': await metricsPage(),
};
for (const [file, text] of Object.entries(files)) writeFileSync(new URL(`../${file}`, import.meta.url), text);
