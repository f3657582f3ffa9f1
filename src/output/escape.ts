/**
 * What a terminal obeys or shows misleadingly: C0 with ESC, DEL, C1, marks and overrides of the writing direction, and the
 * separators that some programs take for a new line.
 */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

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
  const code = character.charCodeAt(0);
  const short = SHORT.get(character);
  if (short) return short;
  return code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}
