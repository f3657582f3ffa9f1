import { expect, it } from 'vitest';
import { ResourceStack } from '../../../src/service/resource-stack.js';

function bench() {
  const closed: string[] = [];
  const failures: string[] = [];
  const stack = new ResourceStack((what, error) => failures.push(`${what}: ${(error as Error).message}`));
  const add = (name: string) => stack.defer(name, async () => void closed.push(name));
  return { closed, failures, stack, add };
}

it('closes the newest first, each once', async () => {
  const { closed, stack, add } = bench();
  for (const name of ['a', 'b', 'c']) add(name);
  await Promise.all([stack.dispose(), stack.dispose()]);
  expect(closed).toEqual(['c', 'b', 'a']);
});

it('goes on when one cannot be closed, and reports it', async () => {
  const { closed, failures, stack, add } = bench();
  add('a');
  stack.defer('b', () => {
    throw new Error('stuck');
  });
  add('c');
  await stack.dispose();
  expect([closed, failures]).toEqual([['c', 'a'], ['b: stuck']]);
});

it('closes at once what comes after the disposal has begun', async () => {
  const { closed, stack, add } = bench();
  add('a');
  const disposal = stack.dispose();
  add('late');
  await disposal;
  await stack.dispose();
  expect(closed.sort()).toEqual(['a', 'late']);
});
