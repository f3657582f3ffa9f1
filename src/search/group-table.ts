import { byteText } from '../text/byte-count.js';
import { escapeControl } from '../text/escape.js';
import type { Group } from './groups.js';

const BAR_WIDTH = 24;
/** An eighth of a cell each. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** One row for each group: count, bytes freed where lines tell them, a bar, the key. */
export function groupTable(groups: readonly Group[]): string {
  const most = Math.max(1, ...groups.map(({ count }) => count));
  const counts = aligned(groups.map(({ count, atLeast }) => bounded(String(count), atLeast)));
  const freed = aligned(
    groups.map(({ freedBytes, atLeast }) =>
      freedBytes === undefined ? '' : `  ${bounded(byteText(freedBytes), atLeast)} freed`,
    ),
  );
  return groups
    .map(({ key, count }, row) => {
      return `${counts[row]}${freed[row]}  ${bar(count / most).padEnd(BAR_WIDTH)}  ${escapeControl(key)}\n`;
    })
    .join('');
}

function bounded(text: string, atLeast: boolean): string {
  return atLeast ? `≥${text}` : text;
}

function aligned(cells: readonly string[]): string[] {
  const width = Math.max(0, ...cells.map(({ length }) => length));
  return cells.map((cell) => cell.padStart(width));
}

/** Every row that is not empty has a mark. */
function bar(share: number): string {
  const eighths = Math.max(1, Math.round(share * BAR_WIDTH * 8));
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
}
