/**
 * What a terminal obeys, shows misleadingly or does not show: C0 with ESC, DEL and C1; format characters, among them the
 * marks and overrides of the writing direction and the zero-width space; all others that are made to be invisible, such as
 * fillers and variation selectors; and the separators that some programs take for a new line.
 */
const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

const SHORT: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/**
 * Makes text safe for a terminal: file names are chosen by whoever creates the file, and may try to move the cursor or
 * forge a line. For people; not meant to be turned back.
 */
export function escapeControl(text: string): string {
  return text.replace(CONTROL, escapeCharacter);
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0)!;
  const short = SHORT.get(character);
  if (short) return short;
  const hex = code.toString(16);
  if (code > 0xffff) return `\\u{${hex}}`;
  return code < 0x80 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`;
}
