import { expect, it } from 'vitest';
import { atOnce, inSlices, type Steps } from '../../../src/model/steps.js';

function* count(to: number, onStep = (_step: number) => {}): Steps<string> {
  for (let step = 0; step < to; step++) {
    onStep(step);
    yield;
  }
  return 'counted';
}

it('does the same at once and in slices', async () => {
  expect(atOnce(count(1_000))).toBe('counted');
  expect(await inSlices(count(1_000))).toBe('counted');
});

it('lets other work have its turn between slices', async () => {
  let turns = 0;
  const other = setInterval(() => {
    turns += 1;
  }, 1);
  const slow = () => {
    const until = performance.now() + 5;
    while (performance.now() < until);
  };
  await inSlices(count(40, slow));
  clearInterval(other);
  expect(turns).toBeGreaterThan(5);
});

it('stops between two slices when it is aborted', async () => {
  const abort = new AbortController();
  let steps = 0;
  const working = inSlices(
    count(Number.MAX_SAFE_INTEGER, (step) => {
      steps = step;
    }),
    abort.signal,
  );
  setImmediate(() => abort.abort(new Error('stop')));
  await expect(working).rejects.toThrow('stop');
  expect(steps).toBeGreaterThan(0);
});

it('rejects as the work throws', async () => {
  const fail = () => {
    throw new Error('no');
  };
  expect(() => atOnce(count(1, fail))).toThrow('no');
  await expect(inSlices(count(1, fail))).rejects.toThrow('no');
});
