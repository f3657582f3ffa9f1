import { describe, expect, it } from 'vitest';
import { atOnce } from '../../../src/model/steps.js';
import { WatchLookups } from '../../../src/service/watch-lookups.js';
import type { ReadLink } from '../../../src/watch/symbolic-links.js';
import { watchOf } from '../../lib/watch-of.js';

/** Lookups on a host with these symbolic links and users; the messages about them are collected. */
function onHost(links: Record<string, string>, users: Record<string, number> = {}, waitMs = 2_000) {
  const said: string[] = [];
  const say = (level: string) => (values: unknown, message?: unknown) =>
    void said.push(`${level} ${message ?? values} ${message === undefined ? '' : JSON.stringify(values)}`);
  let found: Record<string, number> = {};
  const readLink: ReadLink = async (path) => {
    const target = links[path.toString()];
    if (target !== undefined) return Buffer.from(target);
    throw Object.assign(new Error(), { code: 'EINVAL' });
  };
  const lookups = new WatchLookups({
    users: {
      findIds: async () => {
        found = { ...users };
      },
      idOf: (name) => found[name],
    },
    diagnostics: { info: say('info'), warn: say('warn') } as never,
    readLink,
    waitMs,
  });
  return { lookups, said, links, users };
}

describe('what a configuration means on this host', () => {
  it('is another when a link appears, changes and goes, and is reported once each time', async () => {
    const { lookups, said, links } = onHost({});
    const watches = [watchOf({ include: ['/var/run/**'] })];
    const look = async () => [await lookups.look(watches), atOnce(lookups.watchesFor(watches))[0]!.include.slice(1)];
    expect(await look()).toEqual([false, []]);
    links['/var/run'] = '/run';
    expect(await look()).toEqual([true, ['/run/**']]);
    expect(await look()).toEqual([false, ['/run/**']]);
    links['/var/run'] = '/elsewhere';
    expect(await look()).toEqual([true, ['/elsewhere/**']]);
    delete links['/var/run'];
    expect(await look()).toEqual([true, []]);
    expect(said).toHaveLength(2);
    expect(said[0]).toMatch(/^info .*symbolic link.*"include":"\/var\/run\/\*\*".*"watched_as":"\/run\/\*\*"/);
    expect(said[1]).toContain('/elsewhere/**');
  });

  it('is reported for twenty patterns at most', async () => {
    const { lookups, said } = onHost({ '/data': '/mnt/data' });
    const watches = [watchOf({ include: Array.from({ length: 30 }, (_, i) => `/data/${i}/*`) })];
    await lookups.look(watches);
    expect(atOnce(lookups.watchesFor(watches))[0]!.include).toHaveLength(60);
    expect(said).toHaveLength(21);
    expect(said[20]).toContain('"patterns":10');
  });

  it('warns of users that no service knows, until they are known', async () => {
    const { lookups, said, users } = onHost({}, { alice: 1000 });
    const watches = [
      watchOf({
        include: ['/**'],
        ignore: { processes: [], ownedByRoot: false, users: ['alice', '33'], effectiveUsers: ['svc'] },
      }),
    ];
    const look = async () => {
      const changed = await lookups.look(watches);
      atOnce(lookups.watchesFor(watches));
      return [changed, lookups.uidOf('alice'), lookups.uidOf('svc')];
    };
    expect(await look()).toEqual([true, 1000, undefined]);
    expect(await look()).toEqual([false, 1000, undefined]);
    users['svc'] = 5123;
    expect(await look()).toEqual([true, 1000, 5123]);
    users['svc'] = 5124;
    expect(await look()).toEqual([true, 1000, 5124]);
    delete users['svc'];
    expect(await look()).toEqual([true, 1000, undefined]);
    expect(said.map((text) => text.split(' ')[0])).toEqual(['warn', 'info', 'warn']);
    expect(said[0]).toContain('"user":"svc"');
  });

  it('is waited for only so long, and is taken over when the host answers at last', async () => {
    let answer = (_target: Buffer) => {};
    const asked: string[] = [];
    const said: unknown[] = [];
    const lookups = new WatchLookups({
      users: { findIds: async () => {}, idOf: () => undefined },
      diagnostics: { info: () => {}, warn: (text: unknown) => said.push(text) } as never,
      readLink: (path) => {
        asked.push(path.toString());
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
      waitMs: 1,
    });
    const watches = [watchOf({ include: ['/nfs/x'] })];
    expect(await lookups.look(watches)).toBe(false);
    expect(await lookups.look(watches)).toBe(false);
    expect([asked, said.length]).toEqual([['/nfs'], 1]);
    answer(Buffer.from('/mnt'));
    // The walk goes on to what the link names, and then asks again, as it was asked to twice.
    let changed = false;
    while (!changed) {
      changed = await lookups.look(watches);
      answer(Buffer.from('/'));
    }
    expect(atOnce(lookups.watchesFor(watches))[0]!.include).toHaveLength(2);
  });
});
