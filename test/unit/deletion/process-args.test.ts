import { describe, expect, it } from 'vitest';
import { describeArgs, type SentArgs } from '../../../src/deletion/process-args.js';
import { redactor } from '../../../src/text/redact.js';

const NO_REDACTION = redactor([]);

function described(sent: SentArgs, limitBytes: number) {
  const { process, rmwatch, whole } = describeArgs(sent, { limitBytes, commandLine: false, redact: NO_REDACTION });
  return { ...JSON.parse(`{${process.slice(1)}}`), ...JSON.parse(`{${rmwatch.slice(1)}}`), whole };
}

function all(args: readonly string[]): SentArgs {
  return { args, cut: false, count: args.length };
}

/** What stands in each line beside the list of arguments, where there are less than ten. */
const BESIDE = ',"args":,"args_count":1'.length;
const MARK = ',"args_truncated":true'.length;

describe('describeArgs', () => {
  it.each<[string, string[], number, string[]]>([
    ['fits exactly', ['ab', 'c'.repeat(30)], BESIDE + 39, ['ab', 'c'.repeat(30)]],
    ['is one byte too long', ['ab', 'c'.repeat(30)], BESIDE + 38, ['ab', 'c'.repeat(30 - 1 - MARK)]],
    ['has no room for a part of the next', ['ab', 'c'.repeat(30)], BESIDE + MARK + 8, ['ab']],
    ['is cut before an escape that does not fit', ['a\n\n', 'c'.repeat(30)], BESIDE + MARK + 7, ['a\n']],
    ['is cut between characters', ['a\xc3\xa9\xc3\xa9', 'c'.repeat(30)], BESIDE + MARK + 8, ['a\xc3\xa9']],
  ])('cuts a list that %s', (_what, args, limit, shown) => {
    const text = (latin1: string) => Buffer.from(latin1, 'latin1').toString();
    const { process, rmwatch } = describeArgs(all(args), {
      limitBytes: limit,
      commandLine: false,
      redact: NO_REDACTION,
    });
    expect(Buffer.byteLength(process + rmwatch)).toBeLessThanOrEqual(limit);
    const result = described(all(args), limit);
    expect(result.args).toEqual(shown.map(text));
    expect(result.args_count).toBe(args.length);
    const whole = shown.join() === args.join();
    expect(result.args_truncated).toBe(whole ? undefined : true);
    expect(result.whole === undefined).toBe(whole);
  });

  it('marks a list that the kernel side cut, and counts what it left out', () => {
    const sent = { args: ['a', 'b'], cut: true, count: 600 };
    const told = { args: ['a', 'b'], args_count: 600, args_truncated: true, whole: undefined };
    expect(described(sent, 512)).toEqual(told);
    const { args_count, ...uncounted } = told;
    expect(described({ ...sent, count: undefined }, 512)).toEqual(uncounted);
  });

  it('counts the same in each line and in the line of all arguments', () => {
    const { args_count, whole } = described({ args: ['rm', 'a'.repeat(99)], cut: true, count: 600 }, 64);
    expect(args_count).toBe(600);
    expect(JSON.parse(`{${whole.process.slice(1)}}`)).toMatchObject({ args_count: 600 });
    expect(whole.rmwatch).toBe(',"args_truncated":true');
  });

  it.each<[string, SentArgs, number]>([
    ['lines have none of them', all(['rm', 'a']), 0],
    ['they could not be read', { args: undefined, cut: false, count: 2 }, 512],
  ])('tells their number where %s', (_where, sent, limit) => {
    expect(described(sent, limit)).toEqual({ args_count: 2, whole: undefined });
  });

  it.each<[string, string[]]>([
    ['characters that JSON escapes, and no UTF-8', Array.from({ length: 500 }, () => '\x01\xff"\\'.repeat(8))],
    ['nothing, and one byte', [...Array.from({ length: 500 }, () => ''), '\xff']],
    ['one byte, and nothing', ['\xff', ...Array.from({ length: 500 }, () => '')]],
    ['one long argument that is no UTF-8', ['\xe9'.repeat(4000)]],
    ['text, and bytes behind it', ['rm', 'a'.repeat(4000), '\xff']],
  ])('adds no more bytes to a line than it may, of %s', (_what, args) => {
    for (const limitBytes of [64, 65, 66, 100, 511, 512, 4096]) {
      for (const cut of [false, true]) {
        const options = { limitBytes, commandLine: false, redact: NO_REDACTION };
        const { process, rmwatch } = describeArgs({ args, cut, count: 501 }, options);
        expect(Buffer.byteLength(process + rmwatch)).toBeLessThanOrEqual(limitBytes);
      }
    }
    const { whole } = describeArgs(all(args), { limitBytes: 512, commandLine: false, redact: NO_REDACTION });
    expect(JSON.parse(`{${whole!.process.slice(1)}}`).args).toHaveLength(args.length);
  });
});
