/** What most terminals show two cells wide: East Asian Width W and F, and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /\p{M}/u;

/** Cells that a character takes on a terminal. */
function cellsOf(character: string): number {
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** The text in exactly `width` cells: cut, with a mark, or filled with spaces. */
export function toWidth(text: string, width: number): string {
  let used = 0;
  let kept = '';
  let short = '';
  for (const character of text) {
    const cells = cellsOf(character);
    if (used + cells > width) return width === 0 ? '' : `${toWidth(short, width - 1)}…`;
    used += cells;
    kept += character;
    if (used <= width - 1) short = kept;
  }
  return kept + ' '.repeat(width - used);
}
