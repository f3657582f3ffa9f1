/**
 * For "node --import": measures the longest block of the event loop in CPU time of its thread, which busy neighbours do not
 * change. From the moment at which RMWATCH_LOOP_FILE is made or emptied, that file holds the milliseconds of CPU between the two beats of a
 * timer that were furthest apart. A beat is due every 5 ms: a loop that is free has used as much at the most, and one turn.
 */
import fs from 'node:fs';

const file = process.env['RMWATCH_LOOP_FILE'];
const BEAT_MS = 5;
// Of this thread: the first number is its time on a processor in nanoseconds.
const statistics = fs.openSync('/proc/thread-self/schedstat');
const buffer = Buffer.alloc(128);
const cpuMs = () =>
  Number(buffer.toString('latin1', 0, fs.readSync(statistics, buffer, 0, buffer.length, 0)).split(' ')[0]) / 1e6;

let before = cpuMs();
let longest = -1;
setInterval(() => {
  const now = cpuMs();
  const used = now - before;
  before = now;
  if (longest < 0) {
    if (fs.existsSync(file)) longest = 0;
  } else if (fs.statSync(file).size === 0) {
    // It counts from now on.
    longest = 0;
    fs.writeFileSync(file, '0');
  } else if (used > longest) {
    longest = used;
    fs.writeFileSync(file, used.toFixed(1));
    // What that took is not the program's.
    before = cpuMs();
  }
}, BEAT_MS).unref();
