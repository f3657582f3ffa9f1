// Writes config/*.schema.json, docs/fields.md, docs/metrics.md and the synopsis of rmwatch(8) from the built program: the
// definitions are src/config/schema.ts, src/event/event-definition.ts, src/metrics/registry.ts and src/cli/options.ts.
import { readFileSync, writeFileSync } from 'node:fs';
import { withSynopsis } from '../dist/cli/man-synopsis.js';
import { configJsonSchemaText } from '../dist/config/json-schema.js';
import { fieldsPage } from '../dist/event/fields-page.js';
import { eventJsonSchemaText } from '../dist/event/json-schema.js';
import { metricsPage } from '../dist/metrics/metrics-page.js';

const inCheckout = (file) => new URL(`../${file}`, import.meta.url);
const MANUAL_PAGE = 'config/man/rmwatch.8';

const files = {
  'config/rmwatch.schema.json': configJsonSchemaText(),
  'config/event.schema.json': eventJsonSchemaText(),
  'docs/fields.md': fieldsPage(),
  'docs/metrics.md': await metricsPage(),
  [MANUAL_PAGE]: withSynopsis(readFileSync(inCheckout(MANUAL_PAGE), 'utf8')),
};
for (const [file, text] of Object.entries(files)) writeFileSync(inCheckout(file), text);
