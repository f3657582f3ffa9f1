import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { withResolvedPatterns } from '../../../src/watch/linked-patterns.js';
import { followLinks, sameLinks } from '../../../src/watch/symbolic-links.js';
import { watchOf } from '../../lib/watch-of.js';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'rmwatch-links-')));
afterAll(() => rmSync(directory, { recursive: true }));
const at = (path: string) => join(directory, path);
mkdirSync(at('real/deep'), { recursive: true });
mkdirSync(at('real/st*r'));
symlinkSync('real', at('relative'));
symlinkSync(at('real'), at('absolute'));
symlinkSync('relative/deep', at('chain'));
symlinkSync('../real/./deep', at('real/up'));
symlinkSync('real/st*r', at('star'));
symlinkSync('loop-b', at('loop-a'));
symlinkSync('loop-a', at('loop-b'));
symlinkSync('nowhere/yet', at('dangling'));
symlinkSync('/', at('top'));

/** What each pattern became beside itself. */
async function resolved(...include: string[]): Promise<string[]> {
  const watches = [watchOf({ include: include.map(at) })];
  const linked = withResolvedPatterns(watches, await followLinks(watches));
  return linked.watches[0]!.include.slice(include.length);
}

describe('followed symbolic links', () => {
  it.each([
    ['real/**', []],
    ['relative/**', ['real/**']],
    ['absolute/*.log', ['real/*.log']],
    ['absolute/deep/x', ['real/deep/x']],
    ['chain/**', ['real/deep/**']],
    ['real/up/*', ['real/deep/*']],
    ['relative/missing/**', ['real/missing/**']],
    ['dangling/**', ['nowhere/yet/**']],
    ['star/*', ['real/st\\*r/*']],
    // The name that is removed is not followed, and neither are wildcards.
    ['relative', []],
    ['rel*/x', []],
    ['loop-a/**', []],
  ])('make of %j %j', async (pattern, expected) => {
    expect(await resolved(pattern)).toEqual(expected.map(at));
  });

  it('may lead to the root', async () => {
    expect(await resolved('top/srv/*')).toEqual(['/srv/*']);
  });

  it('are followed in excludes, too, and named with both forms', async () => {
    const watches = [watchOf({ include: ['/**'], exclude: [at('absolute/tmp/**'), '*.tmp'] })];
    const { watches: effective, linked } = withResolvedPatterns(watches, await followLinks(watches));
    expect(effective[0]!.exclude).toEqual([at('absolute/tmp/**'), '*.tmp', at('real/tmp/**')]);
    expect(linked).toEqual([
      {
        watch: 'w',
        role: 'exclude',
        pattern: at('absolute/tmp/**'),
        directory: at('absolute/tmp'),
        target: at('real/tmp'),
        resolved: at('real/tmp/**'),
      },
    ]);
  });

  it('are not looked for in /proc, where they lead to what the reader has', async () => {
    const links = await followLinks([watchOf({ include: ['/proc/self/cwd/**'] })]);
    expect([links.targets.size, links.hidden.size]).toEqual([0, 0]);
  });

  it('are unknown where the host does not let the daemon look', async () => {
    const readLink = async (path: Buffer) => {
      if (path.toString() === '/a') return Buffer.from('/secret');
      const code = path.toString().startsWith('/secret') ? 'EACCES' : 'EINVAL';
      throw Object.assign(new Error(code), { code });
    };
    const links = await followLinks([watchOf({ include: ['/a/b/*', '/c/*'] })], readLink);
    expect([...links.hidden]).toEqual([['/a/b', 'EACCES']]);
    expect([...links.targets]).toEqual([['/a/b', '/secret/b']]);
  });

  it('with names that are no text have no pattern', async () => {
    const watches = [watchOf({ include: ['/link/*'] })];
    const readLink = async (path: Buffer) => {
      if (path.toString() === '/link') return Buffer.from([0x2f, 0xff]);
      throw Object.assign(new Error(), { code: 'EINVAL' });
    };
    const { watches: effective, linked } = withResolvedPatterns(watches, await followLinks(watches, readLink));
    expect(effective[0]!.include).toEqual(['/link/*']);
    expect(linked).toMatchObject([{ resolved: undefined }]);
  });

  it('are read once each', async () => {
    const read: string[] = [];
    const readLink = async (path: Buffer) => {
      read.push(path.toString());
      throw Object.assign(new Error(), { code: 'EINVAL' });
    };
    await followLinks([watchOf({ include: ['/srv/a/*', '/srv/b/*', '/srv/a/*.log'] })], readLink);
    expect(read).toEqual(['/srv', '/srv/a', '/srv/b']);
  });

  it('are compared', async () => {
    const links = (include: string) => followLinks([watchOf({ include: [at(include)] })]);
    expect(sameLinks(await links('relative/*'), await links('relative/**'))).toBe(true);
    expect(sameLinks(await links('relative/*'), await links('chain/*'))).toBe(false);
  });
});
