import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { Conditions } from '../../../src/search/conditions.js';
import { openLogFile } from '../../../src/search/log-file.js';
import { parseConditions } from '../../../src/search/parse-conditions.js';
import { search } from '../../../src/search/search.js';
import { spansOf } from '../../../src/search/spans.js';
import { logLine } from '../../lib/log-lines.js';

const directory = mkdtempSync(join(tmpdir(), 'rmwatch-search-'));
afterAll(() => rmSync(directory, { recursive: true }));

it('notices between two blocks of a file that nobody wants more', async () => {
  const name = join(directory, 'events.json');
  writeFileSync(name, `${logLine({})}\n`.repeat(10_000));
  const file = await openLogFile(name);
  try {
    const context = { nowMs: 0, workingDirectory: '/', ownHost: false };
    const parsed = parseConditions({ paths: ['/not/there'], values: new Map(), lists: new Map() }, context);
    if ('error' in parsed) throw new Error(parsed.error);
    // As the end of a pager is: an event.
    let left = false;
    setImmediate(() => {
      left = true;
    });
    let blocks = 0;
    const result = await search({
      spans: await spansOf([file], parsed.value),
      conditions: new Conditions(parsed.value),
      limit: undefined,
      reverse: false,
      take: () => true,
      rest: async () => {
        blocks += 1;
        return !left;
      },
    });
    expect(result).toMatchObject({ stopped: true, matches: 0 });
    expect(file.size / blocks).toBeGreaterThan(2 ** 22);
  } finally {
    await file.handle.close();
  }
});
