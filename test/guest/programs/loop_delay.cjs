/**
 * Loaded before the daemon with `node --require`: about every 100 ms adds a line to the file that RMWATCH_LOOP_DELAY_FILE
 * names, as soon as the event loop runs: the time since 1970 and the longest block of the loop since the line before, in ms.
 */
'use strict';

const fs = require('node:fs');
const { performance } = require('node:perf_hooks');
const { isMainThread } = require('node:worker_threads');

const TICK_MS = 10;
const LINE_MS = 100;

if (isMainThread) {
  const file = process.env.RMWATCH_LOOP_DELAY_FILE;
  let last = performance.now();
  let written = last;
  let longest = 0;
  setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - TICK_MS);
    last = now;
    if (now - written < LINE_MS) return;
    fs.appendFileSync(file, `${Date.now()} ${Math.round(longest)}\n`);
    written = now;
    longest = 0;
  }, TICK_MS).unref();
}
