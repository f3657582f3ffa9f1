import { describe, expect, it } from 'vitest';
import { foldPath } from '../../../src/text/case-fold.js';
import { bytesOf } from '../../../src/text/utf8.js';
import { foldedWatch } from '../../../src/watch/folded-watches.js';
import { WatchIndex } from '../../../src/watch/watch-index.js';
import { watchOf } from '../../lib/watch-of.js';

const index = WatchIndex.of([
  watchOf({ name: 'efi', include: ['/efi/EFI/BOOT/**'], exclude: ['*.TMP'] }),
  watchOf({ name: 'share', include: ['/share/Données/[A-F]*.txt'], caseInsensitive: true }),
  watchOf({ name: 'all', include: ['/**'] }),
]);

function matching(path: string, ignoresCase: boolean): string[] {
  const bytes = bytesOf(path);
  const slash = bytes.lastIndexOf('/');
  const place = { directory: bytes.slice(0, slash), name: bytes.slice(slash + 1), cut: false };
  return index.match(place, 'host', ignoresCase).map((at) => index.watches[at]!.name);
}

describe('a directory that ignores case', () => {
  it('matches patterns in other letters', () => {
    expect(matching('/efi/efi/boot/shim.efi', true)).toEqual(['efi', 'all']);
    expect(matching('/efi/efi/boot/shim.efi', false)).toEqual(['all']);
    expect(matching('/efi/EFI/BOOT/Shim.efi', false)).toEqual(['efi', 'all']);
  });

  it('is excluded by patterns in other letters, too', () => {
    expect(matching('/efi/efi/boot/a.tmp', true)).toEqual(['all']);
    expect(matching('/efi/EFI/BOOT/a.tmp', false)).toEqual(['efi', 'all']);
  });
});

describe('a watch that ignores case', () => {
  it('matches in every directory', () => {
    for (const path of ['/share/données/b.txt', '/SHARE/DONNE\u0301ES/B.TXT', '/share/Données/F.txt'])
      expect(matching(path, false), path).toEqual(['share', 'all']);
    expect(matching('/share/données/g.txt', false)).toEqual(['all']);
  });
});

describe('a pattern for folded paths', () => {
  const pattern = (include: string) => foldedWatch(watchOf({ name: 'w', include: [include] })).include[0];

  it('takes any character for a range that has no folded form', () => {
    expect(pattern('/A/[Z-a]x')).toBe('/a/?x');
    expect(pattern('/A/[A-Z]x')).toBe('/a/[a-z]x');
  });

  it('keeps escapes', () => {
    const escaped = WatchIndex.of([watchOf({ name: 'w', include: ['/a/\\*B'] })]);
    const place = { directory: '/A', name: '*b', cut: false };
    expect(escaped.match(place, 'host', true)).toEqual([0]);
    expect(escaped.match({ ...place, name: 'cb' }, 'host', true)).toEqual([]);
    expect(foldPath('/A/*b')).toBe('/a/*b');
  });
});
