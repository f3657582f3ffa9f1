import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundleEventLines } from '../../event-lines/bundle.js';
import { checkFile, lineProblems, newLineCheck } from '../../event-lines/event-lines.js';
import { EVENTS_LOST, FULL_DELETION } from '../../lib/sample-events.js';

const GOOD = JSON.stringify(FULL_DELETION);
const TWICE = GOOD.replace('"group":{', '"group":{"id":"7"},"group":{');

describe('the check of event lines', () => {
  it('counts lines, and finds nothing wrong with good ones', () => {
    const check = newLineCheck();
    expect(check.add(Buffer.from(`${GOOD}\n${JSON.stringify(EVENTS_LOST)}\n`))).toEqual([FULL_DELETION, EVENTS_LOST]);
    expect(check.toJSON()).toEqual({ lines: 2, invalid: 0, problems: [] });
    expect(lineProblems(check)).toEqual([]);
  });

  it.each([
    ['a line that is no JSON', '{', /^SyntaxError/],
    ['an empty line', '', /^SyntaxError/],
    ['a line that is not of the schema', GOOD.replace('"mode":"0644"', '"mode":420'), /^\/file\/mode must be string/],
    ['a field that is there twice', TWICE, /^does not come back/],
    [
      'a number that no reader keeps',
      GOOD.replace('"size":4096', '"size":18446744073709551615'),
      /^does not come back/,
    ],
    ['blanks between the fields', GOOD.replace('","', '", "'), /^does not come back/],
  ])('tells %s from a good one', (_what, line, problem) => {
    const check = newLineCheck();
    check.add(Buffer.from(`${GOOD}\n${line}\n${GOOD}\n`));
    expect(check.toJSON()).toEqual({ lines: 3, invalid: 1, problems: [expect.stringMatching(problem)] });
    expect(lineProblems(check)).toHaveLength(2);
  });

  it('tells bytes that are not UTF-8', () => {
    const check = newLineCheck();
    check.add(Buffer.from(`${GOOD.replace('a.db', '\xff')}\n`, 'latin1'));
    expect(check.toJSON()).toMatchObject({ lines: 1, invalid: 1 });
  });

  it('takes no check of nothing for a good one', () => {
    expect(lineProblems(newLineCheck())).toEqual(['there was no event line to hold against the schema']);
  });

  it('reads files of any length, and does the same in a guest, which has no packages', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'rmwatch-line-check-'));
    const bundle = await bundleEventLines();
    try {
      const file = join(directory, 'events.json');
      // The last one is being written.
      writeFileSync(file, `${`${GOOD}\n`.repeat(2_000)}${TWICE}\n{"@time`);
      const here = checkFile(file);
      expect(here.toJSON()).toMatchObject({ lines: 2_001, invalid: 1 });
      const script = `import { checkFile } from '${bundle}'; console.log(JSON.stringify(checkFile('${file}')));`;
      const options = { cwd: '/', encoding: 'utf8' as const };
      const there = execFileSync(process.execPath, ['--input-type=module', '--eval', script], options);
      expect(JSON.parse(there)).toEqual(here.toJSON());
    } finally {
      rmSync(directory, { recursive: true });
      rmSync(dirname(bundle), { recursive: true });
    }
  });
});
