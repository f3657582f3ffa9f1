/** Lines in which the record speaks of itself, such as that of a start, and those about bursts: they stand between the events and are none. */

/** As the line has it; in a name the quotes would be escaped. */
const MARKS = ['daemon', 'burst'].map((dataset) => Buffer.from(`"dataset":"rmwatch.${dataset}"`));
const NEWLINE = 0x0a;

/** Of a parsed line; one that is no JSON is undefined. */
// biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
export function isOfRecord(line: any): boolean {
  return ['rmwatch.daemon', 'rmwatch.burst'].includes(line?.event?.dataset);
}

/** How many of some whole lines are events. */
export function eventLinesIn(wholeLines: Buffer): number {
  return MARKS.reduce((lines, mark) => lines - occurrences(wholeLines, mark), occurrences(wholeLines, NEWLINE));
}

function occurrences(bytes: Buffer, what: number | Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(what); at !== -1; at = bytes.indexOf(what, at + 1)) count += 1;
  return count;
}
