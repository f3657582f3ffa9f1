import { describe, expect, it } from 'vitest';
import { foldPath, foldText } from '../../../src/text/case-fold.js';
import { bytesOf } from '../../../src/text/utf8.js';

const SURROGATES = [0xd800, 0xdfff] as const;

describe('foldText', () => {
  it('has one form for all that the simple case folding of Unicode takes for the same', () => {
    // The regular expressions of ECMAScript compare by it under the flags i and u.
    const folded = new Map<string, number>();
    for (let point = 0; point <= 0x1ffff; point++) {
      if (point >= SURROGATES[0] && point <= SURROGATES[1]) continue;
      const character = String.fromCodePoint(point);
      for (const other of [character.toLowerCase(), character.toUpperCase()]) {
        if ([...other].length !== 1 || other === character) continue;
        const same = new RegExp(`^\\u{${other.codePointAt(0)!.toString(16)}}$`, 'iu').test(character);
        if (same) expect(foldText(other), point.toString(16)).toBe(foldText(character));
        folded.set(character, point);
      }
    }
    expect(folded.size).toBeGreaterThan(2_500);
  });

  it.each([
    ['Données', 'DONNÉES'],
    ['Données', 'Donne\u0301es'],
    ['straße', 'STRASSE'],
    ['ΣΑΣ', 'σας'],
    ['ſ', 'S'],
    ['\u212a', 'k'],
  ])('has the same form for %s and %s', (some, other) => expect(foldText(some)).toBe(foldText(other)));

  it.each([
    ['a', 'b'],
    ['o', 'ö'],
    ['é', 'e'],
    ['1', '2'],
  ])('tells %s and %s apart', (some, other) => expect(foldText(some)).not.toBe(foldText(other)));
});

describe('foldPath', () => {
  it('takes paths in latin1 view', () => {
    expect(foldPath(bytesOf('/EFI/É'))).toBe(bytesOf('/efi/é'));
    expect(foldPath('')).toBe('');
  });

  it('folds the ASCII letters of a name that is no UTF-8, and the others beside it as a whole', () => {
    expect(foldPath(`/A\xffB/${bytesOf('É')}`)).toBe(`/a\xffb/${bytesOf('é')}`);
  });
});
