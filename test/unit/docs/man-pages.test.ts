import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../../src/cli/exit-codes.js';
import { withSynopsis } from '../../../src/cli/man-synopsis.js';
import { COMMANDS } from '../../../src/cli/options.js';
import { configJsonSchema } from '../../../src/config/json-schema.js';
import { parseConfig } from '../../../src/config/load.js';
import { KNOWN_KEYS } from '../../../src/config/schema.js';

const PAGES = ['rmwatch.8', 'rmwatch.yaml.5'] as const;
const fileOf = (page: string) => fileURLToPath(new URL(`../../../config/man/${page}`, import.meta.url));
const source = Object.fromEntries(PAGES.map((page) => [page, readFileSync(fileOf(page), 'utf8')]));

/** The part below a heading, up to the next one of the same or a higher rank. */
function section(page: (typeof PAGES)[number], macro: 'Sh' | 'Ss', title: string): string {
  const end = macro === 'Sh' ? '^\\.Sh ' : '^\\.S[hs] ';
  const [, text] = new RegExp(`^\\.${macro} ${title}\\n(.*?)(?=${end}|(?![^]))`, 'ms').exec(source[page]!) ?? [];
  if (text === undefined) throw new Error(`${page} has no .${macro} ${title}`);
  return text;
}

/** What follows `.It` and a macro, once for each item. */
function items(text: string, macro: string): string[] {
  return [...text.matchAll(new RegExp(`^\\.It ${macro}(.*)$`, 'gm'))].map(([, label]) => label!.trim());
}

/** As the reader sees the words: without macros, and punctuation beside its word. */
function words(text: string): string {
  return text
    .replace(/^\.[A-Z][a-z] /gm, '')
    .replace(/\s+/g, ' ')
    .replace(/ ([,.;:])/g, '$1');
}

describe('rmwatch(8)', () => {
  it('describes every command, and no other', () => {
    const described = [...section('rmwatch.8', 'Sh', 'COMMANDS').matchAll(/^\.Ss (.*)$/gm)].map(([, name]) => name);
    expect(described).toEqual(COMMANDS.map(({ name }) => name));
  });

  it.each(COMMANDS)('describes every option of $name, and no other', ({ name, options, operands }) => {
    const text = section('rmwatch.8', 'Ss', name);
    expect(items(text, 'Fl')).toEqual(
      options.map(({ name: option, value }) => `-${option}${value === undefined ? '' : ` Ar ${value}`}`),
    );
    for (const choice of [...options.flatMap(({ choices = [] }) => choices), ...(operands?.choices ?? [])]) {
      expect(text).toMatch(new RegExp(`^\\.Cm ${choice}\\b`, 'm'));
    }
  });

  it('has the synopsis that the options make', () => {
    expect(source['rmwatch.8'], 'run npm run schemas:generate').toBe(withSynopsis(source['rmwatch.8']!));
    const search = section('rmwatch.8', 'Sh', 'SYNOPSIS').split(/^\.Nm\n/m)[2];
    expect(search).toMatch(/^\.Cm search\n\.Op Ar PATH \.\.\.\n\.Op Fl -since Ar TIME\n/);
    expect(search).toContain('.Oo Fl -user Ns \\~ Ns Ar USER Oc Ns ...\n');
  });

  it('has every exit code, and no other', () => {
    expect(items(section('rmwatch.8', 'Sh', 'EXIT STATUS'), '')).toEqual([...new Set(Object.values(EXIT).map(String))]);
  });
});

describe('rmwatch.yaml(5)', () => {
  const SECTIONS: Record<string, string> = {
    '': 'TOP LEVEL',
    watches: 'WATCHES',
    probe: 'PROBE',
    log: 'LOG',
    http: 'HTTP',
    socket: 'SOCKET',
    bursts: 'BURSTS',
    self_test: 'SELF-TEST',
  };

  interface Schema {
    properties?: Record<string, Schema>;
    items?: Schema;
    anyOf?: Schema[];
    default?: unknown;
    enum?: string[];
  }

  /** The schema of the object at a path of KNOWN_KEYS: through lists, and through "or null". */
  function objectAt(path: string): Schema {
    let schema = configJsonSchema() as Schema;
    for (const key of path === '' ? [] : path.split('.')) {
      const child: Schema = schema.properties![key]!;
      schema = child.items ?? child.anyOf?.find(({ properties }) => properties !== undefined) ?? child;
    }
    return schema;
  }

  /** The description of one key: up to the next item or the end of the list. */
  function description(text: string, key: string): string {
    const [, found] = new RegExp(`^\\.It Ic ${key}\\n(.*?)(?=^\\.It |^\\.El)`, 'ms').exec(text) ?? [];
    if (found === undefined) throw new Error(`no description of ${key}`);
    return words(found);
  }

  it('has a section for every section of the file, and every key, and no other', () => {
    const expected = Object.keys(KNOWN_KEYS).filter((path) => !path.includes('.'));
    expect(Object.keys(SECTIONS)).toEqual(expected);
    for (const [path, title] of Object.entries(SECTIONS)) {
      const below = Object.keys(KNOWN_KEYS).filter((other) => path !== '' && other.startsWith(`${path}.`));
      const keys = [path, ...below].flatMap((section) => KNOWN_KEYS[section]!);
      expect(items(section('rmwatch.yaml.5', 'Sh', title), 'Ic').sort(), title).toEqual(keys.sort());
    }
  });

  const keys = Object.entries(KNOWN_KEYS).flatMap(([path, names]) => names.map((key) => ({ path, key })));

  it.each(keys)('has the values and the default of $path $key', ({ path, key }) => {
    const schema = objectAt(path).properties![key]!;
    const text = description(section('rmwatch.yaml.5', 'Sh', SECTIONS[path.split('.')[0]!]!), key);
    for (const choice of schema.enum ?? schema.items?.enum ?? []) expect(text).toMatch(new RegExp(`\\b${choice}\\b`));
    const { default: value } = schema;
    if (value === undefined) expect(text).toContain('Required');
    else if (key === 'watches') expect(text).toContain('Default: one watch, all, that includes /**.');
    else if (typeof value !== 'object') expect(text).toContain(`Default: ${value}.`);
    else if (Array.isArray(value)) expect(text).toContain(`Default: [${value.join(', ')}].`);
  });

  it('has an example that is valid', () => {
    const [, example] = /^\.Bd -literal -offset indent\n(watches:.*?)^\.Ed/ms.exec(source['rmwatch.yaml.5']!) ?? [];
    expect(parseConfig(example!, 'example')).toHaveProperty('config');
  });
});

describe('the formatters have nothing to complain about', () => {
  const FORMATTERS: [string, ...string[]][] = [
    ['man', '--warnings', '-E', 'UTF-8', '-Tutf8', '-Z', '-l', '-'],
    ['groff', '-mdoc', '-ww', '-Tutf8', '-z'],
    ['mandoc', '-Tlint', '-W', 'warning'],
  ];
  const cases = FORMATTERS.flatMap(([program, ...args]) => PAGES.map((page) => ({ program, args, page })));

  /** Through standard input: man gives up its rights before it reads, and may not come to the checkout. */
  function complaints(program: string, args: readonly string[], input: string): string | undefined {
    const env = { ...process.env, LC_ALL: 'C.UTF-8' };
    const { error, status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', env, input });
    if (error !== undefined) return undefined;
    return `${status === 0 ? '' : `exit ${status}: `}${stderr}${program === 'mandoc' ? stdout : ''}`;
  }

  it.for(cases)('$program $page', ({ program, args, page }, { skip }) => {
    const said = complaints(program, args, source[page]!);
    if (said === undefined) return skip(`there is no ${program} here`);
    expect(said).toBe('');
  });
});
