/** Lines that tell which they are, so that what comes out can be compared with what went in. */
export function numberedLines(first: number, count: number, lineBytes = 100): Buffer {
  const lines: string[] = [];
  for (let number = first; number < first + count; number++) {
    lines.push(
      `${JSON.stringify({ number, pad: '' })
        .slice(0, -2)
        .padEnd(lineBytes - 3, 'x')}"}\n`,
    );
  }
  return Buffer.from(lines.join(''));
}

/** The numbers found in `text`; throws at anything that is not a whole line. */
export function numbersIn(text: string): number[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error(`torn last line: ${text.slice(-80)}`);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const parsed: unknown = JSON.parse(line);
      if (typeof parsed !== 'object' || parsed === null || !('number' in parsed)) throw new Error(`not ours: ${line}`);
      return Number(parsed.number);
    });
}

export function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}
