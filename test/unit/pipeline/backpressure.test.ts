import { expect, it } from 'vitest';
import { backpressureOf } from '../../../src/pipeline/backpressure.js';

const ROOM = { ringBytes: 100, capacityBytes: 1_000 };
const IDLE = { congested: false, nearlyFull: false, awaitsReader: false };

it.each([
  ['little waits, and the reader keeps up', 10, IDLE, 'none'],
  ['the reader takes what it gets', 10, { ...IDLE, awaitsReader: true }, 'small'],
  ['the reader is slow', 10, { ...IDLE, congested: true, awaitsReader: true }, 'wait'],
  ['the reader is slow, and the ring half full', 50, { ...IDLE, congested: true, awaitsReader: true }, 'wait'],
  ['more than half of a ring waits, too', 51, { ...IDLE, congested: true, awaitsReader: true }, 'small'],
  ['there is hardly room for lines', 51, { congested: true, nearlyFull: true, awaitsReader: true }, 'wait'],
  ['there is hardly room for either', 901, { congested: true, nearlyFull: true, awaitsReader: true }, 'none'],
])('when %s', (_what, used, writer, expected) => {
  expect(backpressureOf(used, ROOM, writer)).toBe(expected);
});
