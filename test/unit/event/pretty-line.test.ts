import { describe, expect, it } from 'vitest';
import type { DeletionEvent } from '../../../src/event/deletion-event.js';
import { prettyLine } from '../../../src/event/pretty-line.js';
import { BARE_FAILURE, EVENTS_LOST, FULL_DELETION } from '../../lib/sample-events.js';

const PLAIN = { color: false };

function localTime(): string {
  const date = new Date(FULL_DELETION['@timestamp']);
  return `${[date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')}.789`;
}

function sized(size: number, freed?: number): DeletionEvent {
  const { freed_bytes: _none, ...details } = FULL_DELETION.rmwatch;
  return {
    ...FULL_DELETION,
    file: { ...FULL_DELETION.file!, size },
    rmwatch: freed === undefined ? details : { ...details, freed_bytes: freed },
  };
}

describe('prettyLine', () => {
  it('is one aligned line', () => {
    expect(prettyLine(FULL_DELETION, PLAIN)).toBe(
      `${localTime()}  unlink   ok           4.0 KiB freed  /var/lib/app/a.db                         rm[4242]              root        app-data`,
    );
    expect(prettyLine(BARE_FAILURE, PLAIN)).toBe(
      `${localTime()}  rmdir    ENOTEMPTY                   b (incomplete)                            sh[7]                 1000        all,app-data`,
    );
  });

  it('tells what the file was called before', () => {
    const rmwatch = { ...FULL_DELETION.rmwatch, former_paths: ['/var/lib/app/\x1b'] };
    const line = prettyLine({ ...FULL_DELETION, rmwatch }, PLAIN);
    expect(line).toContain('/var/lib/app/a.db (was /var/lib/app/\\x1b)');
  });

  it('says so when the name or the outcome is not known', () => {
    const { file: _none, ...nameless } = BARE_FAILURE;
    expect(prettyLine(nameless, PLAIN)).toContain('ENOTEMPTY                   ? (incomplete)   ');
    const { outcome: _missed, ...event } = FULL_DELETION.event;
    expect(prettyLine({ ...FULL_DELETION, event }, PLAIN)).toContain('unlink   unknown  ');
  });

  it('says where a move leads to, as far as that is known', () => {
    const { freed_bytes: _freed, last_link: _last, still_open: _open, ...details } = FULL_DELETION.rmwatch;
    const moved = (rmwatch: Partial<DeletionEvent['rmwatch']>): string => {
      const event = { ...FULL_DELETION.event, action: 'move', type: ['change'] } as DeletionEvent['event'];
      return prettyLine({ ...FULL_DELETION, event, rmwatch: { ...details, ...rmwatch } }, PLAIN);
    };
    const known = moved({ moved_to: '/srv/\u202eb', moved_to_complete: true });
    expect(known).toContain('  move     ok                 4.0 KiB  /var/lib/app/a.db -> /srv/\\u202eb  ');
    expect(moved({ moved_to: 'b', moved_to_complete: false })).toContain('/var/lib/app/a.db -> b (incomplete)  ');
    expect(moved({ moved_to_complete: false })).toContain('/var/lib/app/a.db -> ? (incomplete)  ');
  });

  it('tells of lost events', () => {
    expect(prettyLine(EVENTS_LOST, PLAIN)).toBe(`${localTime()}  LOST     ring_full=123 state_full=4`);
  });

  it.each([
    [sized(0), '0 B'],
    [sized(1023), '1023 B'],
    [sized(1024), '1.0 KiB'],
    [sized(5 * 1024 ** 3, 4096), '4.0 KiB freed'],
    [sized(3 * 1024 ** 4), '3.0 TiB'],
  ])('shows sizes in units (%#)', (event, expected) => {
    expect(prettyLine(event, PLAIN)).toContain(` ${expected}  /var`);
  });

  it('lets no name reach the terminal as a command', () => {
    const evil = '\x1b]0;owned\x07\n\u202e';
    const line = prettyLine(
      {
        ...FULL_DELETION,
        file: { path: `/tmp/${evil}` },
        process: { ...FULL_DELETION.process, name: evil },
        user: { id: '0', name: evil },
        rule: { name: [evil] },
      },
      PLAIN,
    );
    expect(line).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
    expect(line.match(/\\x1b\]0;owned\\x07\\n\\u202e/g)).toHaveLength(4);
  });

  it('is the same text with colours', () => {
    for (const event of [FULL_DELETION, BARE_FAILURE, EVENTS_LOST]) {
      const colored = prettyLine(event, { color: true });
      expect(colored).toContain('\x1b[');
      expect(colored.replace(/\x1b\[\d+m/g, '')).toBe(prettyLine(event, PLAIN));
    }
  });
});
