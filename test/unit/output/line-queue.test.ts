import { describe, expect, it } from 'vitest';
import { LineQueue } from '../../../src/output/line-queue.js';

function append(queue: LineQueue, text: string): number {
  const chunk = Buffer.from(text);
  return queue.append(chunk, chunk.length, text.split('\n').length - 1);
}

/** Everything that waits, without taking it. */
function waiting(queue: LineQueue): string {
  const head = queue.head();
  return head ? head.buffer.toString('utf8', head.start, head.end) : '';
}

describe('LineQueue', () => {
  it('gives the bytes back in order, and copies them', () => {
    const queue = new LineQueue(100);
    const chunk = Buffer.from('one\ntwo\nrest that does not count');
    expect(queue.append(chunk, 8, 2)).toBe(2);
    chunk.fill('x');
    expect(waiting(queue)).toBe('one\ntwo\n');
  });

  it('takes the whole lines that fit', () => {
    const queue = new LineQueue(10);
    expect(append(queue, 'four\nfive\nmore\n')).toBe(2);
    expect(append(queue, 'x\n')).toBe(0);
    expect(waiting(queue)).toBe('four\nfive\n');
    queue.take(5);
    expect(append(queue, 'toolong\n')).toBe(0);
    expect(append(queue, 'fits\n')).toBe(1);
  });

  it('counts a line as taken with its newline', () => {
    const queue = new LineQueue(100);
    append(queue, 'one\ntwo\nthree\n');
    expect([queue.takenLines, queue.lines]).toEqual([0, 3]);
    queue.take(3);
    expect([queue.takenLines, queue.lines]).toEqual([0, 3]);
    queue.take(1);
    expect([queue.takenLines, queue.lines]).toEqual([1, 2]);
    queue.take(10);
    expect([queue.takenLines, queue.lines]).toEqual([3, 0]);
    expect(queue.head()).toBeUndefined();
  });

  it('makes a line wait as a whole again', () => {
    const queue = new LineQueue(100);
    append(queue, 'one\ntwo\nthree\n');
    queue.take(6);
    expect(queue.takenPart().toString()).toBe('tw');
    expect(queue.lines).toBe(2);
    queue.rewindLine();
    expect(waiting(queue)).toBe('two\nthree\n');
    expect([queue.bytes, queue.takenLines, queue.lines]).toEqual([10, 1, 2]);
    queue.take(10);
    expect([queue.bytes, queue.takenLines, queue.lines]).toEqual([0, 3, 0]);
  });

  it('takes a line before all others, in place of one that was put there and not taken', () => {
    const queue = new LineQueue(100);
    queue.prependNotice(Buffer.from('old\n'));
    append(queue, 'one\ntwo\n');
    queue.prependNotice(Buffer.from('new\n'));
    expect([waiting(queue), queue.bytes, queue.lines]).toEqual(['new\n', 12, 2]);
    queue.take(4);
    expect([waiting(queue), queue.bytes, queue.lines, queue.takenLines]).toEqual(['one\ntwo\n', 8, 2, 0]);
    queue.take(4);
    queue.prependNotice(Buffer.from('between\n'));
    queue.take(8);
    expect([waiting(queue), queue.lines, queue.takenLines]).toEqual(['two\n', 1, 1]);
    queue.take(4);
    expect([queue.bytes, queue.lines, queue.takenLines]).toEqual([0, 0, 2]);
    append(queue, 'three\n');
    expect(waiting(queue)).toBe('three\n');
  });

  it('says how many lines it gave up, the one that was begun among them', () => {
    const queue = new LineQueue(100);
    append(queue, 'one\ntwo\nthree\n');
    queue.take(6);
    expect(queue.clear()).toBe(2);
    expect([queue.bytes, queue.takenLines, queue.lines]).toEqual([0, 1, 0]);
    append(queue, 'four\n');
    expect(waiting(queue)).toBe('four\n');
  });

  it('can give up all but the line that was begun', () => {
    const queue = new LineQueue(100);
    append(queue, 'one\ntwo\nthree\n');
    queue.take(6);
    expect(queue.clearUnbegun()).toBe(1);
    expect([queue.bytes, queue.takenLines, queue.lines]).toEqual([2, 1, 1]);
    append(queue, 'four\n');
    expect(waiting(queue)).toBe('o\nfour\n');
    queue.take(2);
    expect([queue.takenLines, queue.lines]).toEqual([2, 1]);
    expect(queue.clearUnbegun()).toBe(1);
    expect([queue.bytes, queue.takenLines, queue.lines]).toEqual([0, 2, 0]);
  });

  it('does not count notices, wherever they are and whatever becomes of them', () => {
    const queue = new LineQueue(40);
    const notice = (text: string) => queue.appendNotice(Buffer.from(text));
    append(queue, 'one\n');
    expect(notice('notice\n')).toBe(true);
    append(queue, 'two\n');
    expect(notice('last\n')).toBe(true);
    expect([queue.bytes, queue.takenLines, queue.lines]).toEqual([20, 0, 2]);
    expect(notice('this one does not fit\n')).toBe(false);
    expect(waiting(queue)).toBe('one\nnotice\ntwo\nlast\n');
    queue.take(7);
    expect([queue.takenLines, queue.lines]).toEqual([1, 1]);
    queue.rewindLine();
    expect(waiting(queue)).toBe('notice\ntwo\nlast\n');
    queue.take(9);
    expect([queue.takenLines, queue.lines]).toEqual([1, 1]);
    queue.take(7);
    expect([queue.bytes, queue.takenLines, queue.lines]).toEqual([0, 2, 0]);

    append(queue, 'three\n');
    notice('notice\n');
    expect(queue.clear()).toBe(1);
    notice('notice\n');
    append(queue, 'four\nfive\n');
    notice('last\n');
    queue.take(3);
    expect(queue.clearUnbegun()).toBe(2);
    expect([waiting(queue), queue.takenLines, queue.lines]).toEqual(['ice\n', 2, 0]);
    queue.take(4);
    expect([queue.bytes, queue.takenLines, queue.lines]).toEqual([0, 2, 0]);
  });

  it('keeps count over many slabs, takes of any size, and chunks bigger than a slab', () => {
    const queue = new LineQueue(8 << 20);
    const line = `${'x'.repeat(999)}\n`;
    let appended = 0;
    for (const lines of [700, 700, 2000, 1, 1500]) appended += append(queue, line.repeat(lines));
    expect(appended).toBe(4901);
    let bytes = 0;
    for (let head = queue.head(), size = 1; head; head = queue.head(), size = (size * 7) % 65_521) {
      const taken = Math.min(size, head.end - head.start);
      queue.take(taken);
      bytes += taken;
      if (size % 5 === 0) expect(queue.takenLines).toBe(Math.floor(bytes / 1000));
    }
    expect(queue.takenLines).toBe(4901);
    expect(queue.lines).toBe(0);
  });
});
