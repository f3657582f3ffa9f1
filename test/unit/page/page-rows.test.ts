import { describe, expect, it } from 'vitest';
import { deletionRow, noteRow, shown } from '../../../src/page/page-rows.js';
import { FULL_DELETION } from '../../lib/sample-events.js';

describe('a row of the page', () => {
  it('has what a person looks for', () => {
    expect(deletionRow(FULL_DELETION)).toEqual({
      time: '2026-11-22T12:34:56.789012345Z',
      operation: 'unlink',
      path: '/var/lib/app/a.db',
      process: 'rm',
      pid: 4242,
      user: 'root',
      watches: 'app-data',
      bytes: 4096,
    });
  });

  it('tells why an attempt has failed', () => {
    const { file: _, ...failed } = { ...FULL_DELETION, error: { code: 'ENOENT' } };
    const event = { ...failed.event, outcome: 'failure' as const };
    expect(deletionRow({ ...failed, event } as typeof FULL_DELETION)).toMatchObject({
      problem: 'ENOENT',
      path: 'a.db',
    });
    const { outcome: _outcome, ...without } = FULL_DELETION.event;
    expect(deletionRow({ ...FULL_DELETION, event: without } as typeof FULL_DELETION).problem).toBe('unknown');
  });

  it('escapes what others have chosen', () => {
    const hostile = '\u202e\n\x1b[2J';
    const row = deletionRow({
      ...FULL_DELETION,
      file: { ...FULL_DELETION.file!, path: `/${hostile}` },
      process: { ...FULL_DELETION.process, name: hostile },
      user: { id: '0', name: hostile },
    });
    const escaped = '\\u202e\\n\\x1b[2J';
    expect(row).toMatchObject({ path: `/${escaped}`, process: escaped, user: escaped });
  });

  it('is cut, and not inside of a character', () => {
    expect(shown('a'.repeat(1024))).toHaveLength(1024);
    expect(shown('a'.repeat(1025))).toBe(`${'a'.repeat(1024)}…`);
    expect(shown(`${'a'.repeat(1023)}\u{1f600}`)).toBe(`${'a'.repeat(1023)}…`);
  });

  it('can be a line about the record', () => {
    const line = (kind: string) => ({ '@timestamp': 'T', event: { kind, action: 'started' }, rmwatch: {} });
    expect(noteRow({ ...line('event'), message: 'rmwatch\nstarted' })).toEqual({
      ...{ time: 'T', note: 'rmwatch\\nstarted', kind: 'record' },
    });
    expect(noteRow(line('pipeline_error'))).toMatchObject({ note: 'started', kind: 'lost' });
    expect(noteRow(line('alert'))).toMatchObject({ kind: 'burst' });
  });
});
