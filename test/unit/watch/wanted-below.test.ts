import { expect, it } from 'vitest';
import type { KernelFilterEntry } from '../../../src/watch/kernel-filter.js';
import { WantedBelow } from '../../../src/watch/wanted-below.js';
import { randomFrom } from './plain-glob.js';

/** As the words say it: every entry is looked at. */
function plainly(entries: readonly KernelFilterEntry[], directory: string) {
  const start = `${directory}/`;
  const masks = { successMask: 0, failureMask: 0 };
  const beginnings = entries.filter(({ prefix }) => start.startsWith(prefix));
  const longest = beginnings.sort((a, b) => b.prefix.length - a.prefix.length).slice(0, 1);
  for (const { successMask, failureMask } of [
    ...longest,
    ...entries.filter(({ prefix }) => prefix.startsWith(start)),
  ]) {
    masks.successMask |= successMask;
    masks.failureMask |= failureMask;
  }
  return masks;
}

it('says of a directory what looking at every entry says', () => {
  const random = randomFrom(20_261_127);
  const pieces = ['/', '/a', 'a', '/b', '\xff', '/\xff/', '\0', 'b/'];
  const text = () => Array.from({ length: random(5) }, () => pieces[random(pieces.length)]).join('');
  for (let round = 0; round < 2_000; round++) {
    const prefixes = new Set(Array.from({ length: random(20) }, () => `/${text()}`));
    const entries = [...prefixes]
      .sort((a, b) => (a < b ? -1 : 1))
      .map((prefix) => ({ prefix, successMask: 1 << random(8), failureMask: 1 << random(8), whole: 0 }));
    const wanted = new WantedBelow(entries);
    for (const directory of ['', '/a', '/a/b', text(), `/${text()}`]) {
      expect(wanted.inDirectory(directory), JSON.stringify([entries, directory])).toEqual(plainly(entries, directory));
    }
  }
});

it('answers in time that does not grow with what leads further down', () => {
  const entries = Array.from({ length: 20_000 }, (_, index) => {
    const number = String(index).padStart(5, '0');
    return { prefix: `/srv/${number}/`, successMask: 1, failureMask: 0, whole: 0 };
  });
  const wanted = new WantedBelow(entries);
  // 20,000 questions looked at 400 million entries before.
  const began = process.cpuUsage().user;
  for (let question = 0; question < 20_000; question++) wanted.inDirectory('/srv');
  expect((process.cpuUsage().user - began) / 1_000).toBeLessThan(1_000);
});
