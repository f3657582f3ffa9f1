import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../../src/cli/command-line.js';
import { COMMANDS } from '../../../src/cli/options.js';

function parsed(...argv: string[]): unknown {
  const line = parseCommandLine(argv);
  return line.kind === 'command' ? [line.command, Object.fromEntries(line.values), ...line.operands] : line;
}

describe('parseCommandLine', () => {
  it('prints help without anything, and runs with options alone', () => {
    expect(parsed()).toMatchObject({ kind: 'help' });
    expect(parsed('run')).toEqual(['run', {}]);
    expect(parsed('run', '/srv', '*.db')).toEqual(['run', {}, '/srv', '*.db']);
    expect(parsed('--config', 'f', '--attach=fentry')).toEqual(['run', { config: 'f', attach: 'fentry' }]);
    expect(parsed('run', '--format', 'json', '--log', '/l')).toEqual(['run', { format: 'json', log: '/l' }]);
  });

  it('takes operands, also ones that begin with a dash after --', () => {
    expect(parsed('validate')).toEqual(['validate', {}]);
    expect(parsed('validate', 'f', '--json')).toEqual(['validate', { json: '' }, 'f']);
    expect(parsed('explain', '/a', '--config', 'f', '/b')).toEqual(['explain', { config: 'f' }, '/a', '/b']);
    expect(parsed('explain', '--', '-a')).toEqual(['explain', {}, '-a']);
    expect(parsed('--version')).toEqual(['version', {}]);
  });

  it.each([
    [['valdate'], 'unknown command "valdate", did you mean "validate"?'],
    [['/etc/x'], 'unknown command "/etc/x", known are run, search, who, tail, top, validate'],
    [['help', 'rum'], 'did you mean "run"?'],
    [['--confg', 'f'], 'unknown option --confg, did you mean "--config"?'],
    [
      ['validate', '--config', 'f'],
      'unknown option --config for validate, it belongs to: run, search, who, tail, top, explain',
    ],
    [['-x'], 'unknown option -x for run'],
    [['--config'], 'option --config needs a value: FILE'],
    [['--config='], 'option --config needs a value: FILE'],
    [['--config', '--log', 'x'], 'option --config needs a value: FILE'],
    [['--config', 'a', '--config', 'b'], '--config is given twice'],
    [['--attach', 'kprob'], 'must be one of auto, kprobe, fentry, tracepoint, got "kprob", did you mean "kprobe"?'],
    [['--format', 'xml'], 'must be one of json, pretty, got "xml"'],
    [['doctor', '--json=yes'], 'option --json takes no value'],
    [['doctor', 'x'], 'unexpected argument "x"'],
    [['--log', 'x', 'validate'], 'unexpected argument "validate", a command comes first'],
    [['validate', 'a', 'b'], 'unexpected argument "b"'],
    [['explain'], 'explain needs a PATH'],
    [['completion'], 'completion needs bash or zsh'],
    [['completion', 'bsh'], 'did you mean "bash"?'],
  ])('%j is wrong usage', (argv, message) =>
    expect(parseCommandLine(argv)).toEqual({ kind: 'usage-error', message: expect.stringContaining(message) }),
  );

  it('has help for everything', () => {
    const overview = parseCommandLine(['--help']);
    for (const { name, options } of COMMANDS) {
      const help = parseCommandLine([name, '--help']);
      expect(help.kind).toBe('help');
      expect(overview).toEqual({ kind: 'help', text: expect.stringContaining(`\n  ${name} `) });
      for (const option of options)
        expect(help).toEqual({ kind: 'help', text: expect.stringContaining(`  --${option.name}`) });
      expect(parseCommandLine(['help', name])).toEqual(help);
      expect(parseCommandLine([name, '-h'])).toEqual(help);
    }
  });

  it('names the contract of each command in its usage line', () => {
    const usage = (name: string) => (parseCommandLine([name, '--help']) as { text: string }).text.split('\n')[0];
    expect(usage('run')).toBe(
      'Usage: rmwatch run [PATTERN...] [--config FILE] [--no-config] [--attach MODE] [--format FORMAT] [--log FILE] [--listen ADDR] [--process NAME]... [--user USER]...',
    );
    expect(usage('validate')).toBe('Usage: rmwatch validate [FILE] [--pid PID] [--strict] [--json]');
    expect(usage('explain')).toBe('Usage: rmwatch explain PATH... [--config FILE] [--json]');
    expect(usage('completion')).toBe('Usage: rmwatch completion bash|zsh');
  });
});
