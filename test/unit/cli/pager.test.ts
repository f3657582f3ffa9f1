import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { pagedOutput } from '../../../src/cli/pager.js';

const directory = mkdtempSync(join(tmpdir(), 'rmwatch-pager-'));
afterAll(() => rmSync(directory, { recursive: true }));

function fakeStdout(isTTY: boolean) {
  let text = '';
  return {
    isTTY,
    write: (part: string) => {
      text += part;
    },
    get text() {
      return text;
    },
  };
}

describe('pagedOutput', () => {
  it('writes to what is no terminal directly', async () => {
    const stdout = fakeStdout(false);
    const output = pagedOutput(stdout, { PAGER: 'false' });
    output.write('a\n');
    await output.end();
    expect([output.terminal, stdout.text]).toEqual([false, 'a\n']);
  });

  it('runs the pager on a terminal, without its commands', async () => {
    const file = join(directory, 'seen');
    const output = pagedOutput(fakeStdout(true), {
      PATH: process.env['PATH'],
      LESSSECURE: '0',
      PAGER: `{ cat; echo "$LESSSECURE $LESS"; } > ${file}`,
    });
    output.write('a\n');
    expect(await output.ready()).toBe(true);
    output.write('b\n');
    await output.end();
    expect(readFileSync(file, 'utf8')).toBe('a\nb\n1 FRX\n');
  });

  it('stops when the pager is left', async () => {
    const output = pagedOutput(fakeStdout(true), { PATH: process.env['PATH'], PAGER: 'true' });
    let more = true;
    for (let round = 0; more && round < 10_000; round++) {
      output.write('x'.repeat(1 << 16));
      more = await output.ready();
    }
    expect(more).toBe(false);
    await output.end();
  });

  it('starts none for nothing, and none when that is asked for', async () => {
    await pagedOutput(fakeStdout(true), { PAGER: `touch ${join(directory, 'started')}` }).end();
    expect(() => readFileSync(join(directory, 'started'))).toThrow();
    const stdout = fakeStdout(true);
    const output = pagedOutput(stdout, { PAGER: 'cat' });
    output.write('a');
    expect([output.terminal, stdout.text]).toEqual([true, 'a']);
  });
});
