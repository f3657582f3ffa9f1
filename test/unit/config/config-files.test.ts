import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, parseDocument } from 'yaml';
import { configJsonSchema, configJsonSchemaText } from '../../../src/config/json-schema.js';
import { parseConfig } from '../../../src/config/load.js';
import type { Config } from '../../../src/model/config.js';
import { WatchSet } from '../../../src/watch/watch-set.js';

const example = readFileSync(new URL('../../../config/rmwatch.example.yaml', import.meta.url), 'utf8');

interface Schema {
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  description?: string;
}

/** Every key of the schema, as a path into the example with the first item of each list. */
function keyPaths(schema: Schema, at: (string | number)[] = []): (string | number)[][] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, child]) => [
    [...at, key],
    ...keyPaths(child, [...at, key]),
  ]);
  const items = schema.items === undefined ? [] : keyPaths(schema.items, [...at, 0]);
  return [...own, ...items, ...(schema.anyOf ?? []).flatMap((branch) => keyPaths(branch, at))];
}

describe('config/rmwatch.schema.json', () => {
  it('is what the schema generates', () => {
    const committed = readFileSync(new URL('../../../config/rmwatch.schema.json', import.meta.url), 'utf8');
    expect(committed, 'run npm run schemas:generate').toBe(configJsonSchemaText());
  });

  it('knows every key and refuses others', () => {
    const paths = keyPaths(configJsonSchema() as Schema).map((path) => path.join('.'));
    expect(paths).toContain('watches.0.ignore.users');
    expect(paths).toContain('self_test.interval');
    expect(paths).toHaveLength(6 + 10 + 4 + 2 + 8 + 4 + 1 + 2 + 2);
    expect(configJsonSchema()).toHaveProperty('additionalProperties', false);
  });
});

describe('config/rmwatch.default.yaml', () => {
  const text = readFileSync(new URL('../../../config/rmwatch.default.yaml', import.meta.url), 'utf8');

  it('is valid, and writes to a file of bounded size', () => {
    expect(parseConfig(text, 'default')).toMatchObject({
      config: {
        watches: [{ name: 'host', include: ['/**'] }],
        log: { output: '/var/log/rmwatch/events.json', maxBytes: 2 ** 30, keep: 14 },
      },
    });
  });

  it('has a reason for each place that it leaves out', () => {
    const lines = text.split('\n');
    const patterns = lines.flatMap((line, index) => (/^ +- "/.test(line) ? [index] : []));
    expect(patterns.length).toBeGreaterThan(8);
    for (const index of patterns) {
      const before = lines.slice(0, index).findLast((line) => !/^ +- "/.test(line));
      expect(before, lines[index]).toMatch(/^ +# \S/);
    }
  });

  it('leaves out scratch files and caches, and nothing beside them', () => {
    const { config } = parseConfig(text, 'default') as { config: Config };
    const watchSet = WatchSet.of(config.watches);
    const isWatched = (path: string) => watchSet.explain(path)[0]!.matched;
    const left = [
      '/proc/1/x',
      '/run/a.pid',
      '/tmp/a',
      '/var/tmp/a/b',
      '/var/cache/apt/archives/x.deb',
      '/etc/a.dpkg-new',
    ];
    left.push('/var/lib/docker/overlay2/0/merged/a', '/var/lib/containerd/x', '/var/lib/containers/storage/overlay/a');
    expect(left.filter(isWatched)).toEqual([]);
    const watched = [
      '/home/a/tmp/b',
      '/etc/passwd',
      '/var/lib/docker/volumes/db/_data/t',
      '/var/cache/app/a',
      '/running',
    ];
    expect(watched.filter((path) => !isWatched(path))).toEqual([]);
  });
});

describe('config/rmwatch.example.yaml', () => {
  it('means the same as no file', () => {
    const configOf = (text: string) => (parseConfig(text, 'file') as { config: unknown }).config;
    expect(configOf(example)).toBeDefined();
    expect(configOf(example)).toEqual(configOf(''));
  });

  it('has every key, with a comment', () => {
    const document = parseDocument(example);
    const lines = example.split('\n');
    for (const path of keyPaths(configJsonSchema() as Schema)) {
      expect(document.hasIn(path), path.join('.')).toBe(true);
      const key = path.at(-1);
      const line = lines.find((text) => new RegExp(`^ *(- )?${key}:`).test(text)) ?? '';
      if (typeof document.getIn(path) !== 'object') expect(line, path.join('.')).toMatch(/ # ./);
    }
  });

  it('has a commented example that is valid, too', () => {
    // Its lines keep the indentation of a list item after the "#".
    const second = example.split('\n').filter((line) => /^# {2}(- name| {2}\w+):/.test(line));
    expect(second.length).toBeGreaterThan(3);
    const text = `watches:\n${second.map((line) => line.slice(1)).join('\n')}`;
    expect(parse(text).watches[0].name).toBe('app-data');
    expect(parseConfig(text, 'second')).toHaveProperty('config');
  });
});
