import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bytesOf } from '../../../src/text/utf8.js';
import { compileGlob, literalPrefix } from '../../../src/watch/glob.js';
import { PatternError } from '../../../src/watch/pattern-error.js';
import { fuzzed } from '../../lib/fuzz.js';
import { plainMatch } from '../watch/plain-glob.js';

const characters = fc.constantFrom(...'ab.-+(|$^'.split(''));
const name = fc.string({ unit: characters, minLength: 1, maxLength: 5 }).filter((text) => !/^\.{1,2}$/.test(text));
const wildcard = fc.constantFrom('*', '?', '[ab]', '[!a]', '[a-b]', '[!b.]');
const segment = fc.oneof(
  { weight: 1, arbitrary: fc.constant('**') },
  {
    weight: 4,
    arbitrary: fc
      .array(fc.oneof(name, wildcard), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.join(''))
      .filter((text) => !text.includes('**') && !/^\.{1,2}$/.test(text)),
  },
);
const pattern = fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => `/${parts.join('/')}`);
const path = fc.array(name, { minLength: 1, maxLength: 6 }).map((names) => `/${names.join('/')}`);

test('random patterns match what the plain matcher matches', () => {
  fc.assert(
    fc.property(pattern, path, (source, file) => {
      const isMatch = compileGlob(source, 'include').matches(bytesOf(file));
      expect(isMatch).toBe(plainMatch(source, file));
      if (isMatch) expect(file.startsWith(literalPrefix(source))).toBe(true);
    }),
    fuzzed(5_000),
  );
});

test('random text is a pattern or is refused with a reason', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...'/*?[]!-^\\{}ab'.split('')), maxLength: 30 }).map((rest) => `/${rest}`),
  );
  fc.assert(
    fc.property(text, path, (source, file) => {
      try {
        compileGlob(source, 'include').matches(bytesOf(file));
      } catch (error) {
        expect(error).toBeInstanceOf(PatternError);
      }
    }),
    fuzzed(5_000),
  );
});
