import { expect, it } from 'vitest';
import { SlidingWindow } from '../../../src/burst/sliding-window.js';

function add(window: SlidingWindow, seconds: number, freedBytes = 0, operation = 0): number {
  window.moveTo(seconds);
  window.add(seconds, operation, freedBytes);
  return window.total;
}

it('counts what lies within the window, to a tenth of it', () => {
  const window = new SlidingWindow(10);
  expect([add(window, 100), add(window, 109.9), add(window, 110)]).toEqual([1, 2, 3]);
  // The first one is older than ten seconds, and younger than eleven.
  expect(add(window, 110.5)).toBe(4);
  expect(add(window, 111)).toBe(4);
  window.moveTo(121.9);
  expect(window.total).toBe(1);
  window.moveTo(122);
  expect(window.total).toBe(0);
});

it('forgets everything after a long pause', () => {
  const window = new SlidingWindow(10);
  for (let seconds = 0; seconds < 11; seconds++) add(window, seconds, 1);
  expect(add(window, 1e6, 2)).toBe(1);
  expect(window.sums()).toEqual({ operations: [1, 0, 0, 0], freedBytes: 2, startSeconds: 1e6 });
});

it('counts a time before the newest one as that', () => {
  const window = new SlidingWindow(10);
  add(window, 100);
  expect(add(window, 50)).toBe(2);
  window.moveTo(109);
  expect(window.total).toBe(2);
});

it('sums up operations and bytes, and knows the first deletion', () => {
  const window = new SlidingWindow(1);
  add(window, 10, 7, 3);
  add(window, 10.05, 1, 0);
  add(window, 10.9, 2, 0);
  expect(window.sums()).toEqual({ operations: [2, 0, 0, 1], freedBytes: 10, startSeconds: 10 });
  window.clear();
  expect(window.total).toBe(0);
  expect(window.sums().startSeconds).toBeNaN();
});

it('takes out what another one has counted as well', () => {
  const group = new SlidingWindow(10);
  const own = new SlidingWindow(10);
  for (const seconds of [100, 103, 107]) {
    add(group, seconds, 1);
    add(own, seconds, 1);
  }
  add(group, 103, 5, 1);
  add(group, 108, 5, 1);
  group.subtract(own);
  expect(group.total).toBe(2);
  expect(group.sums()).toMatchObject({ operations: [0, 2, 0, 0], freedBytes: 10 });
});
