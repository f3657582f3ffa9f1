import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../../../src/config/parse.js';
import { formatProblem } from '../../../src/config/problem.js';
import { fuzzed } from '../../lib/fuzz.js';

/** Either a configuration, or problems that each name a place in the file and fit on one line. */
function expectAnswer(text: string): void {
  const result = parseConfig(text, 'rmwatch.yaml');
  if ('config' in result) return;
  const lines = text.split(/\r\n|\r|\n/).length;
  expect(result.problems.length).toBeGreaterThan(0);
  for (const problem of result.problems) {
    expect(problem.line).toBeGreaterThanOrEqual(1);
    expect(problem.line).toBeLessThanOrEqual(lines);
    expect(problem.column).toBeGreaterThanOrEqual(1);
    expect(problem.message).not.toBe('');
    expect(formatProblem(problem)).not.toMatch(/[\0-\x1f\x7f]/);
  }
}

/** What YAML gives a meaning to, and what rmwatch.yaml has. */
const PIECES = [
  ...['watches', 'name', 'include', 'exclude', 'probe', 'http', 'listen', 'log', 'self_test', 'interval', '/**', 'off'],
  ...[': ', '- ', '\n', '\n  ', '\n    ', '{', '}', '[', ']', ',', '&a ', '*a', '<<: ', '!!binary ', '!x ', '| ', '> '],
  ...[
    '"',
    "'",
    '# ',
    '? ',
    '---\n',
    '...\n',
    '%YAML 1.1\n',
    '\t',
    '\0',
    '\u2028',
    '\ufeff',
    '~',
    'null',
    '.inf',
    '1e999',
  ],
];
const yamlText = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 6 })), { maxLength: 40 })
  .map((pieces) => pieces.join(''));

test('random text is a configuration or has problems with their places', () => {
  fc.assert(fc.property(yamlText, expectAnswer), fuzzed(1_000));
});

const value = fc.jsonValue({ maxDepth: 3 });
const watch = fc.oneof(
  value,
  fc.record(
    {
      name: fc.oneof(fc.constantFrom('a', 'b', 'A'), value),
      include: fc.oneof(fc.array(fc.oneof(fc.constantFrom('/**', 'x', '/a[', '{'), value)), value),
      operations: fc.oneof(fc.array(fc.constantFrom('unlink', 'rmdir', 'replace', 'chmod')), value),
      failures: fc.oneof(fc.boolean(), value),
      ignore: value,
    },
    { requiredKeys: [] },
  ),
);
const configuration = fc.record(
  {
    watches: fc.oneof(fc.array(watch), value),
    probe: fc.oneof(fc.record({ attach: value, ring_buffer: fc.oneof(fc.constant('64KiB'), value) }), value),
    log: value,
    http: fc.oneof(fc.record({ listen: fc.oneof(fc.string(), value) }), value),
    self_test: fc.oneof(fc.record({ interval: fc.oneof(fc.constantFrom('off', '0s', '99999999h'), value) }), value),
    __proto__: value,
  },
  { requiredKeys: [] },
);

test('random values in the place of others have problems with their places', () => {
  fc.assert(
    fc.property(configuration, (whole) => expectAnswer(stringify(whole))),
    fuzzed(150),
  );
});
