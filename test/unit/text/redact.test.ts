import { describe, expect, it } from 'vitest';
import { DEFAULT_REDACT, redactor } from '../../../src/text/redact.js';

const redact = redactor(DEFAULT_REDACT);

describe('redactor', () => {
  it.each<[string[], string[]]>([
    [
      ['mysql', '--password=x y'],
      ['mysql', '--password=[redacted]'],
    ],
    [
      ['curl', '--token', 'x', 'url'],
      ['curl', '--token', '[redacted]', 'url'],
    ],
    [
      ['tool', '--db-password', 'x'],
      ['tool', '--db-password', '[redacted]'],
    ],
    [
      ['env', 'PGPASSWORD=x', 'psql'],
      ['env', 'PGPASSWORD=[redacted]', 'psql'],
    ],
    [
      ['curl', '-H', 'Authorization: Bearer x'],
      ['curl', '-H', 'Authorization: [redacted]'],
    ],
    [
      ['sh', '-c', 'curl -H "Authorization: Bearer x" u; rm f'],
      ['sh', '-c', 'curl -H "Authorization: [redacted]" u; rm f'],
    ],
    [
      ['sh', '-c', 'PASSWORD=x rm f'],
      ['sh', '-c', 'PASSWORD=[redacted] rm f'],
    ],
    [
      ['sh', '-c', "password='x y' rm f"],
      ['sh', '-c', 'password=[redacted] rm f'],
    ],
    [
      ['curl', 'u?token=x&page=2'],
      ['curl', 'u?token=[redacted]&page=2'],
    ],
    [
      ['curl', '-d', '{"password": "x", "a": 1}'],
      ['curl', '-d', '{"password": [redacted], "a": 1}'],
    ],
  ])('takes the value out of %j', (args, shown) => {
    expect(redact(args)).toEqual(shown);
  });

  it.each([[['rm', 'token', 'x']], [['rm', 'password.txt']], [['rm', '--', 'secrets/a=b']]])(
    'leaves %j as it is',
    (args) => {
      expect(redact(args)).toEqual(args);
    },
  );

  it('takes the words of the configuration literally', () => {
    const dots = redactor(['p.n']);
    expect(dots(['p.n=1', 'pin=2'])).toEqual(['p.n=[redacted]', 'pin=2']);
    expect(redactor([])(['password=x'])).toEqual(['password=x']);
  });

  it('reads a hostile argument once', () => {
    const hostile = 'password='.repeat(100_000);
    expect(redact([hostile])[0]).toBe('password=[redacted]');
    const options = `--${'token'.repeat(100_000)}x`;
    expect(redact([options, 'a'])).toEqual([options, 'a']);
  });
});
