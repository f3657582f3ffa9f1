import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.js';
import { formatProblem } from '../../../src/config/problem.js';
import type { Config } from '../../../src/model/config.js';
import { DEFAULT_REDACT } from '../../../src/text/redact.js';

function problems(text: string): string[] {
  const result = parseConfig(text, 'f.yaml');
  return 'problems' in result ? result.problems.map(formatProblem) : [];
}

function config(text: string): Config {
  const result = parseConfig(text, 'f.yaml');
  if ('problems' in result) throw new Error(result.problems.map(formatProblem).join('\n'));
  return result.config;
}

const WATCH = 'watches:\n  - name: a\n    include: [/a]\n';

const DEFAULTS: Config = {
  watches: [
    {
      name: 'all',
      include: ['/**'],
      exclude: [],
      view: 'host',
      operations: ['unlink', 'rmdir', 'replace', 'move'],
      caseInsensitive: false,
      fold: false,
      failures: false,
      ignore: { processes: [], ownedByRoot: false, users: [], effectiveUsers: [] },
      log: true,
    },
  ],
  probe: { attach: 'auto', ringBufferBytes: 16 * 2 ** 20 },
  log: {
    output: 'stdout',
    maxBytes: Number.POSITIVE_INFINITY,
    keep: 14,
    format: 'auto',
    level: 'info',
    processArgsBytes: 512,
    commandLine: false,
    redact: DEFAULT_REDACT,
  },
  http: {
    listen: { kind: 'tcp', host: '127.0.0.1', port: 29293 },
    webConfigFile: undefined,
    page: false,
    pageHosts: [],
  },
  socket: { path: undefined },
  bursts: { threshold: 1000, windowSeconds: 10 },
  selfTest: { intervalMs: 300_000 },
};

describe('a valid configuration', () => {
  it.each(['', '# nothing\n', '---\n', '{}', 'null', '\ufeff', 'probe:\nlog:\nhttp:\nself_test:\n'])(
    '%j has the defaults',
    (text) => expect(config(text)).toEqual(DEFAULTS),
  );

  it('has every key of the interface', () => {
    const text = `
watches:
  - name: app-data
    include: ["/var/lib/app/**"]
    exclude: ["**/*.tmp"]
    view: process
    case_insensitive: true
    operations: [replace, unlink, unlink]
    failures: true
    ignore: { processes: [logrotate], owned_by_root: true, users: [www-data, 33, "0034"], effective_users: [backup, 7] }
    log: false
    fold: true
probe:  { attach: fentry, ring_buffer: 64KiB }
log:    { output: /var/log/rmwatch.json, max_size: 2GiB, keep: 3, format: json, level: debug, process_args: false, command_line: true, redact: [pin-code] }
http:   { listen: off, page: true, page_hosts: [Watch.example.org] }
socket: { path: /run/rmwatch/events.sock }
bursts: { threshold: 50, window: 1m }
self_test: { interval: off }
`;
    expect(config(text)).toEqual({
      watches: [
        {
          name: 'app-data',
          include: ['/var/lib/app/**'],
          exclude: ['**/*.tmp'],
          view: 'process',
          operations: ['unlink', 'replace'],
          caseInsensitive: true,
          failures: true,
          ignore: {
            processes: ['logrotate'],
            ownedByRoot: true,
            users: ['www-data', '33', '34'],
            effectiveUsers: ['backup', '7'],
          },
          log: false,
          fold: true,
        },
      ],
      probe: { attach: 'fentry', ringBufferBytes: 65536 },
      log: {
        output: '/var/log/rmwatch.json',
        maxBytes: 2 ** 31,
        keep: 3,
        format: 'json',
        level: 'debug',
        processArgsBytes: 0,
        commandLine: true,
        redact: ['pin-code'],
      },
      http: { listen: { kind: 'off' }, page: true, pageHosts: ['watch.example.org'] },
      socket: { path: '/run/rmwatch/events.sock' },
      bursts: { threshold: 50, windowSeconds: 60 },
      selfTest: { intervalMs: null },
    });
  });

  it('looks for bursts unless they are off, and by its defaults where nothing else is said', () => {
    const defaults = { threshold: 1000, windowSeconds: 10 };
    expect(['bursts:', 'bursts: {}', ''].map((text) => config(text).bursts)).toEqual([defaults, defaults, defaults]);
    expect(config('bursts: {window: 2s}').bursts).toEqual({ threshold: 1000, windowSeconds: 2 });
    expect(['bursts: off', 'bursts: false'].map((text) => config(text).bursts)).toEqual([null, null]);
  });

  it('takes false for off, as tools that write YAML 1.1 put it', () => {
    const { http, selfTest } = config('http: {listen: false}\nself_test: {interval: false}');
    expect([http.listen.kind, selfTest.intervalMs]).toEqual(['off', null]);
  });

  it('may leave optional lists empty, with all items commented out', () => {
    const [watch] = config(`${WATCH}    exclude:\n    ignore:\n      users:\n`).watches;
    expect([watch?.exclude, watch?.ignore]).toEqual([
      [],
      { processes: [], ownedByRoot: false, users: [], effectiveUsers: [] },
    ]);
  });

  it('may share lists through aliases, also among thousands of watches', () => {
    const watches = Array.from(
      { length: 3000 },
      (_, i) => `- {name: w${i}, include: [/a], exclude: ${i ? '*x' : '&x [a, b, c]'}}`,
    );
    expect(config(`watches:\n${watches.join('\n')}`).watches.at(-1)?.exclude).toEqual(['a', 'b', 'c']);
  });
});

describe('probe.attach', () => {
  it.each([
    ['[kprobe, fentry]', ['kprobe', 'fentry']],
    ['[fentry, kprobe]', ['fentry', 'kprobe']],
    ['[fentry]', 'fentry'],
    ['[kprobe, fentry, tracepoint]', 'auto'],
    ['tracepoint', 'tracepoint'],
  ])('%s is %j', (text, attach) => {
    expect(config(`probe: { attach: ${text} }`).probe.attach).toEqual(attach);
  });

  it.each([
    ['[]', 'f.yaml:1:18: probe.attach: must not be empty'],
    ['[kprobe, kprobe]', 'f.yaml:1:18: probe.attach: kprobe is listed twice'],
    ['[kprobe, auto]', 'f.yaml:1:27: probe.attach[1]: expected kprobe, fentry, tracepoint, got "auto"'],
    ['7', 'f.yaml:1:18: probe.attach: expected auto, kprobe, fentry, tracepoint or a list of modes, got 7'],
  ])('%s is an error', (text, problem) => {
    expect(problems(`probe: { attach: ${text} }`)).toEqual([problem]);
  });
});

describe('problems', () => {
  it('come all at once, in the order of the file, each with its place', () => {
    const text = `watches:
  - name: App
    include: [var/lib]
    exlude: ["*.tmp"]
    operations: [unlnk]
  - include: /data/**
probe:
  attach: kprob
  ring_buffer: 100KiB
logs: {}
http: { listen: 29293 }
self_test: { interval: 10ms }
`;
    expect(problems(text)).toEqual([
      'f.yaml:2:11: watches[0].name: must start with a-z and consist of a-z, 0-9, "_" and "-", at most 63 characters',
      'f.yaml:3:15: watches[0].include[0]: must start with "/"; to match at any depth write "/**/var/lib"',
      'f.yaml:4:5: watches[0].exlude: unknown key, did you mean "exclude"?',
      'f.yaml:5:18: watches[0].operations[0]: expected unlink, rmdir, replace, move, got "unlnk", did you mean "unlink"?',
      'f.yaml:6:5: watches[1].name: is required: text',
      'f.yaml:6:14: watches[1].include: expected a list, got "/data/**", write ["/data/**"]',
      'f.yaml:8:11: probe.attach: expected auto, kprobe, fentry, tracepoint or a list of modes, got "kprob", did you mean "kprobe"?',
      'f.yaml:9:16: probe.ring_buffer: must be a power of two from 64KiB to 1GiB; 100KiB is between 64KiB and 128KiB',
      'f.yaml:10:1: logs: unknown key, did you mean "log"?',
      'f.yaml:11:17: http.listen: expected off or an address such as 127.0.0.1:29293',
      'f.yaml:12:24: self_test.interval: must be off or from 1s to 596h, got 10ms',
    ]);
  });

  it.each([
    ['watches: []', 'f.yaml:1:10: watches: must not be empty'],
    ['watches:', 'f.yaml:1:1: watches: expected a list, got nothing'],
    [`${WATCH}    operations:`, 'f.yaml:4:5: watches[0].operations: expected a list, got nothing'],
    ['level: debug', 'f.yaml:1:1: level: unknown key here, it belongs to log'],
    ['- a', 'f.yaml:1:1: expected a group of keys, got a list'],
    ['hello', 'f.yaml:1:1: expected a group of keys, got "hello"'],
    [
      '__proto__: {}',
      'f.yaml:1:1: __proto__: unknown key, known are watches, probe, log, http, socket, bursts, self_test',
    ],
    [
      '"a\\e[1mb": 1',
      'f.yaml:1:1: ["a\\u001b[1mb"]: unknown key, known are watches, probe, log, http, socket, bursts, self_test',
    ],
    [`${WATCH}    log: off`, 'f.yaml:4:10: watches[0].log: expected true or false, got "off"'],
    [
      `${WATCH}    ignore: {users: [1.5]}`,
      'f.yaml:4:22: watches[0].ignore.users[0]: expected a user name or a user id',
    ],
    [`${WATCH}    ignore: {users: [-1]}`, 'f.yaml:4:22: watches[0].ignore.users[0]: a user id is not negative'],
    ['bursts: {treshold: 50}', 'f.yaml:1:10: bursts.treshold: unknown key, did you mean "threshold"?'],
    ['bursts: {threshold: 9}', 'f.yaml:1:21: bursts.threshold: must be at least 10'],
    ['bursts: {window: 999ms}', 'f.yaml:1:18: bursts.window: must be from 1s to 1h, got 999ms'],
    ['bursts: {window: 2h}', 'f.yaml:1:18: bursts.window: must be from 1s to 1h, got 2h'],
    ['bursts: on', 'f.yaml:1:9: bursts: expected off, or threshold and window'],
    ['self_test: {interval: 5}', 'f.yaml:1:23: self_test.interval: expected off or a duration such as 5m'],
    [
      `${WATCH}    ignore: {users: [4294967295]}`,
      'f.yaml:4:22: watches[0].ignore.users[0]: a user id is at most 4294967294',
    ],
    [
      `${WATCH}    ignore: {processes: [sbin/logrotate]}`,
      'f.yaml:4:26: watches[0].ignore.processes[0]: the path of an executable must be absolute',
    ],
    [
      `${WATCH}    ignore: {processes: [/usr//bin/../sbin/logrotate/]}`,
      'f.yaml:4:26: watches[0].ignore.processes[0]: write this path as "/usr/sbin/logrotate"',
    ],
    ['log: {output: /usr}', 'f.yaml:1:15: log.output: expected a file, "/usr" is a directory'],
    ['log: {output: var/log/x}', 'f.yaml:1:15: log.output: expected stdout or an absolute file path, got "var/log/x"'],
    ['log: {level: warning}', 'f.yaml:1:14: log.level: expected trace, debug, info, warn, error, fatal, got "warning"'],
    ['probe: {ring_buffer: 16777216}', 'f.yaml:1:22: probe.ring_buffer: expected text, got 16777216'],
    [
      'probe: {ring_buffer: 32KiB}',
      'f.yaml:1:22: probe.ring_buffer: must be a power of two from 64KiB to 1GiB, got 32KiB',
    ],
    [
      'probe: {ring_buffer: 2GiB}',
      'f.yaml:1:22: probe.ring_buffer: must be a power of two from 64KiB to 1GiB, got 2GiB',
    ],
  ])('%j', (text, problem) => expect(problems(text)).toEqual([problem]));

  it('name both places of a duplicate watch name, next to other problems', () => {
    const text = `${WATCH}  - name: a\n    include: []\n`;
    expect(problems(text)).toEqual([
      'f.yaml:4:11: watches[1].name: "a" is already the name of the watch in line 2',
      'f.yaml:5:14: watches[1].include: must not be empty',
    ]);
  });

  it('include duplicate keys, next to other problems', () => {
    expect(problems('http: {}\nhttp: {}\nlog: {a: 1}')).toEqual([
      'f.yaml:2:1: http: this key is already given above',
      'f.yaml:3:7: log.a: unknown key, known are output, max_size, keep, format, level, process_args, command_line, redact',
    ]);
  });

  it('are not more than a person would read', () => {
    const many = Array.from({ length: 1500 }, (_, i) => `k${i}: 1`).join('\n');
    const found = problems(many);
    expect(found).toHaveLength(1001);
    expect(found.at(-1)).toContain('500 more problems');
  });
});

describe('YAML', () => {
  it('syntax errors have a place', () => {
    expect(problems('watches:\n\t- name: a\n')).toEqual([
      expect.stringMatching(/^f\.yaml:2:1: YAML: Tabs are not allowed/),
    ]);
    expect(problems('log: {level: info')).toEqual([expect.stringMatching(/^f\.yaml:1:\d+: YAML: /)]);
  });

  it('a forgotten quote around a leading star is explained, and the rest still judged', () => {
    expect(problems(`${WATCH}    exclude: [**/*.tmp]\n    foo: 1\n`)).toEqual([
      'f.yaml:4:15: watches[0].exclude[0]: text that starts with "*" must be quoted: "**/*.tmp"',
      expect.stringContaining('watches[0].foo: unknown key'),
    ]);
  });

  it('unknown tags and second documents are refused', () => {
    expect(problems('http: !secret {listen: off}')).toEqual([expect.stringContaining('1:7: YAML: Unresolved tag')]);
    expect(problems('http: {}\n---\nlog: {}')).toEqual([expect.stringContaining('a second document')]);
  });

  it('an alias bomb is refused', () => {
    const levels = Array.from(
      { length: 30 },
      (_, i) => `a${i}: &a${i} [${i ? `*a${i - 1}, *a${i - 1}, *a${i - 1}` : 'x'}]`,
    );
    expect(problems(levels.join('\n'))).toContainEqual(expect.stringContaining('Excessive alias count'));
  });

  it('an alias within its own anchor is refused', () => {
    expect(problems('watches: &a [*a]')).toContainEqual(expect.stringContaining('contains itself'));
  });

  it.each(['[', '- ', '{a: ', '? ', 'a: '])('nesting "%s" without end is refused', (opening) =>
    expect(problems(opening.repeat(100_000))).toEqual([expect.stringContaining('nested too deeply')]),
  );

  it('duplicate keys cost no quadratic time', () => {
    const many = Array.from({ length: 30_000 }, (_, i) => `k${i}: 1`).join('\n');
    expect(problems(many)).toHaveLength(1001);
  });
});
