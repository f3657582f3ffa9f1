import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { expectCheckedLines } from '../lib/checked-lines.js';
import { HostDaemon } from '../lib/host-daemon.js';
import { staticProgram } from '../lib/static-program.js';

const SOURCE = fileURLToPath(new URL('count-arguments.c', import.meta.url));
/** Less and more than the 4 KiB that the kernel side takes. */
const FEW = ['one', '', 'three'];
const MANY = Array.from({ length: 600 }, (_, index) => `the-name-of-file-${index}`);

let daemon: HostDaemon;
beforeEach(() => {
  daemon = new HostDaemon();
});
afterEach(() => daemon.dispose());
afterAll(expectCheckedLines);

/** What lines tell of a program that is started with its own name, "file" and these arguments. */
async function countTold(program: string, more: readonly string[]): Promise<unknown> {
  writeFileSync(join(daemon.work, 'file'), '');
  const { status, error } = spawnSync(program, ['file', ...more], { cwd: daemon.work });
  if (error !== undefined) throw error;
  expect(status).toBe(0);
  const { process } = (await daemon.settledEvents()).findLast(({ file }) => file?.name === 'file');
  return process.args_count;
}

describe.each([
  ['64-bit', []],
  ['32-bit', ['-m32']],
])('a %s program', (_bits, flags) => {
  const built = (...more: string[]) => staticProgram(SOURCE, '-nostdlib', ...flags, ...more);

  test('has the number of its arguments in each line, also where the kernel side takes only the first', async () => {
    const program = built();
    await daemon.start();
    expect(await countTold(program, FEW)).toBe(5);
    expect(await countTold(program, MANY)).toBe(602);
  });

  test('cannot have told what it wrote over that, unless it can be right', async () => {
    await daemon.start();
    // Fewer than were sent; more than the bytes of all of them; a number that only its memory knows to be wrong.
    for (const [written, told] of [
      ['3', undefined],
      ['0x7fffffff', undefined],
      ['1000', 1000],
    ] as const) {
      const program = built(`-DWRITTEN=${written}`);
      expect(await countTold(program, FEW)).toBe(5);
      expect(await countTold(program, MANY)).toBe(told);
    }
  });
});
