/** `.1`, `.2.gz`: the higher the older. `-20261124`, `-20261124-173240.zst`: the later the newer. */
const ROTATED = /^(?:\.(\d{1,6})|[-.](\d{8}(?:[-_T]?\d{2,10}[^./]*)?))(?:\.(?:gz|zst))?$/;
const COMPRESSED = /\.(?:gz|zst)$/;

/** Of the names in a directory those that a rotation has made of the file `name`, oldest first. */
export function rotatedNames(names: readonly string[], name: string): string[] {
  return names.filter((other) => other.startsWith(name) && ROTATED.test(other.slice(name.length))).sort(byAge);

  function byAge(a: string, b: string): number {
    const [, numberA, dateA = ''] = ROTATED.exec(a.slice(name.length))!;
    const [, numberB, dateB = ''] = ROTATED.exec(b.slice(name.length))!;
    if (numberA !== undefined && numberB !== undefined) return Number(numberB) - Number(numberA);
    if (numberA !== undefined || numberB !== undefined) return numberA === undefined ? -1 : 1;
    return dateA < dateB ? -1 : dateA > dateB ? 1 : 0;
  }
}

/** The name without the end that compressing gives it: for a moment a file is there with both. */
export function uncompressedName(name: string): string {
  return name.replace(COMPRESSED, '');
}

/** What the file `name` is called when it was rotated at this time, as logrotate's `dateformat -%Y%m%d-%H%M%S` has it. */
export function rotatedName(name: string, at: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}`;
  return `${name}-${day}-${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}`;
}
