/** Needs no quotes in any place of a command. */
const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** As escapeControl: what a terminal obeys or hides, and what quoting itself needs. */
const UNSAFE = /[\\'\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * One word for bash(1), safe to show on a terminal and to paste: `$'…'` where it needs quotes, unsafe characters as the
 * octal numbers of their bytes. The only place where words for a shell are made.
 */
export function shellQuote(word: string): string {
  if (PLAIN.test(word)) return word;
  const quoted = word.replace(UNSAFE, (character) =>
    character === '\\' || character === "'"
      ? `\\${character}`
      : [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join(''),
  );
  return `$'${quoted}'`;
}
