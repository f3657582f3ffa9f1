import { describe, expect, it } from 'vitest';
import { validateEventLine } from '../support/event-schema.js';
import { BARE_FAILURE, EVENTS_LOST, FULL_DELETION } from '../support/sample-events.js';

/** A copy of `event` in which the value at `path` is replaced, or removed when `value` is undefined. */
function changed(event: object, path: string, value: unknown): unknown {
  const copy = structuredClone(event) as Record<string, unknown>;
  const keys = path.split('/');
  const last = keys.pop()!;
  let place = copy;
  for (const key of keys) place = place[key] as Record<string, unknown>;
  if (value === undefined) delete place[last];
  else place[last] = value;
  return copy;
}

describe('event schema', () => {
  it.each([
    ['a full deletion', FULL_DELETION],
    ['a bare failure', BARE_FAILURE],
    ['lost events', EVENTS_LOST],
    [
      'a deletion without optional parts',
      changed(changed(FULL_DELETION, 'user', undefined) as object, 'host', undefined),
    ],
    ['an attempt whose name could not be read', changed(BARE_FAILURE, 'file', undefined)],
    ['a deletion whose end the kernel missed', changed(FULL_DELETION, 'event/outcome', undefined)],
    ['a file older than its epoch', changed(FULL_DELETION, 'file/mtime', '-000001-01-01T00:00:00.000000000Z')],
  ])('accepts %s', (_what, event) => {
    expect(validateEventLine(event)).toEqual([]);
  });

  it.each<[string, object, string, unknown]>([
    ['an unknown field', FULL_DELETION, 'unknown', 1],
    ['an unknown nested field', FULL_DELETION, 'file/owner', 'root'],
    ['a time without nanoseconds', FULL_DELETION, '@timestamp', '2026-11-22T12:34:56Z'],
    ['an inode as a number', FULL_DELETION, 'file/inode', 131],
    ['a negative size', FULL_DELETION, 'file/size', -1],
    ['a mode with type bits', FULL_DELETION, 'file/mode', '100644'],
    ['an unknown operation', FULL_DELETION, 'event/action', 'delete'],
    ['no sequence', FULL_DELETION, 'event/sequence', undefined],
    ['no path', FULL_DELETION, 'file/path', undefined],
    ['an empty path', FULL_DELETION, 'file/path', ''],
    ['no process id', FULL_DELETION, 'process/pid', undefined],
    ['a user of which nothing is known', FULL_DELETION, 'user', {}],
    ['no watch', FULL_DELETION, 'rule/name', []],
    ['no word on completeness', FULL_DELETION, 'rmwatch/path_complete', undefined],
    ['bytes that are not base64', FULL_DELETION, 'rmwatch/path_bytes', 'a'],
    ['an error of a success', FULL_DELETION, 'error', { code: 'ENOENT' }],
    ['a success that is no deletion', FULL_DELETION, 'event/type', ['info']],
    ['an error without an outcome', BARE_FAILURE, 'event/outcome', undefined],
    ['a failure without its error', BARE_FAILURE, 'error', undefined],
    ['a failure that is a deletion', BARE_FAILURE, 'event/type', ['deletion']],
    ['a failure that freed space', BARE_FAILURE, 'rmwatch/freed_bytes', 1],
    ['an error number', BARE_FAILURE, 'error/code', '39'],
    ['a loss of nothing', EVENTS_LOST, 'rmwatch/lost', {}],
    ['a loss of zero', EVENTS_LOST, 'rmwatch/lost/ring_full', 0],
    ['an unknown reason', EVENTS_LOST, 'rmwatch/lost/other', 1],
    ['a loss with a file', EVENTS_LOST, 'file', { path: '/a' }],
  ])('refuses %s', (_what, event, path, value) => {
    expect(validateEventLine(changed(event, path, value))).not.toEqual([]);
  });
});
