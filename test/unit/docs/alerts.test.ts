import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { anchorsOf } from '../../lib/markdown-links.js';

const fileOf = (file: string) => fileURLToPath(new URL(`../../../${file}`, import.meta.url));
const read = (file: string) => readFileSync(fileOf(file), 'utf8');

interface Rule {
  readonly alert?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const { groups } = parse(read('config/prometheus/rules.yml')) as { groups: readonly { rules: readonly Rule[] }[] };
const alerts = groups.flatMap(({ rules }) => rules).filter(({ alert }) => alert !== undefined);

describe('the alerts', () => {
  it('have one section each in the manual, under their names', () => {
    const sections = [...read('docs/operations.md').matchAll(/^## (Rmwatch\w+)$/gm)].map(([, name]) => name!);
    expect([...sections].sort()).toEqual(alerts.map(({ alert }) => alert!).sort());
  });

  it.each(alerts)('$alert says what it is, what it means and what to do', ({ annotations = {} }) => {
    expect(Object.keys(annotations)).toEqual(['summary', 'description', 'runbook', 'runbook_url']);
  });

  it.each(alerts)('$alert leads to its own section of the installed manual', ({ alert, annotations = {} }) => {
    const [page, anchor] = annotations['runbook_url']!.split('#');
    expect(page).toBe('file:///usr/share/rmwatch/docs/operations.md');
    expect(anchor).toBe(alert!.toLowerCase());
    expect(anchorsOf(fileOf('docs/operations.md'))).toContain(anchor);
  });
});
