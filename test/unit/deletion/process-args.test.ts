import { describe, expect, it } from 'vitest';
import { describeArgs } from '../../../src/deletion/process-args.js';
import { redactor } from '../../../src/text/redact.js';

const NO_REDACTION = redactor([]);

function described(args: string[], limitBytes: number, cut = false) {
  const { process, rmwatch, whole } = describeArgs(args, cut, {
    limitBytes,
    commandLine: false,
    redact: NO_REDACTION,
  });
  return { ...JSON.parse(`{${process.slice(1)}}`), ...JSON.parse(`{${rmwatch.slice(1)}}`), whole };
}

describe('describeArgs', () => {
  it.each<[string, string[], number, string[]]>([
    ['fits exactly', ['ab', 'cd'], 11, ['ab', 'cd']],
    ['is one byte too long', ['ab', 'cd'], 10, ['ab', 'c']],
    ['has no room for a part of the next', ['ab', 'cd'], 8, ['ab']],
    ['is cut before an escape that does not fit', ['a\n\n'], 7, ['a\n']],
    ['is cut between characters', ['a\xc3\xa9\xc3\xa9'], 8, ['a\xc3\xa9']],
  ])('cuts a list that %s', (_what, args, limit, shown) => {
    const text = (latin1: string) => Buffer.from(latin1, 'latin1').toString();
    const result = described(args, limit);
    expect(result.args).toEqual(shown.map(text));
    expect(Buffer.byteLength(JSON.stringify(result.args))).toBeLessThanOrEqual(limit);
    expect(result.args_count).toBe(args.length);
    const whole = shown.join() === args.join();
    expect(result.args_truncated).toBe(whole ? undefined : true);
    expect(result.whole === undefined).toBe(whole);
  });

  it('marks a list that the kernel side cut, and does not count it', () => {
    expect(described(['a', 'b'], 512, true)).toEqual({ args: ['a', 'b'], args_truncated: true, whole: undefined });
  });

  it('bounds a line whatever the arguments are made of', () => {
    const hostile = Array.from({ length: 500 }, () => '\x01\xff"\\'.repeat(8));
    const { process, rmwatch } = describeArgs(hostile, false, {
      limitBytes: 512,
      commandLine: false,
      redact: NO_REDACTION,
    });
    expect(process.length + rmwatch.length).toBeLessThan(1400);
  });
});
