// Writes config/rmwatch.schema.json from the built program, after `npm run build`.
import { writeFileSync } from 'node:fs';
import { configJsonSchemaText } from '../dist/config/json-schema.js';

writeFileSync(new URL('../config/rmwatch.schema.json', import.meta.url), configJsonSchemaText());
