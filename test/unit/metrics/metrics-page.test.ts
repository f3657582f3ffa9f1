import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { metricsPage } from '../../../src/metrics/metrics-page.js';

it('docs/metrics.md is what the registry generates', async () => {
  const committed = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
  expect(committed, 'run npm run schemas:generate').toBe(await metricsPage());
});
