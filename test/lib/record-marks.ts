/** Lines in which the record speaks of itself, such as that of a start: they stand between the events and are none. */

/** As the line has it; in a name the quotes would be escaped. */
const MARK = Buffer.from('"dataset":"rmwatch.daemon"');
const NEWLINE = 0x0a;

/** Of a parsed line; one that is no JSON is undefined. */
// biome-ignore lint/suspicious/noExplicitAny: what the daemon writes is what is tested
export function isOfRecord(line: any): boolean {
  return line?.event?.dataset === 'rmwatch.daemon';
}

/** How many of some whole lines are events. */
export function eventLinesIn(wholeLines: Buffer): number {
  return occurrences(wholeLines, NEWLINE) - occurrences(wholeLines, MARK);
}

function occurrences(bytes: Buffer, what: number | Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(what); at !== -1; at = bytes.indexOf(what, at + 1)) count += 1;
  return count;
}
