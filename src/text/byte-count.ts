/** `512 B`, `1.5 MiB`. */
export function byteText(bytes: number): string {
  let value = bytes;
  let unit = 'B';
  for (const bigger of ['KiB', 'MiB', 'GiB', 'TiB', 'PiB']) {
    if (value < 1024) break;
    value /= 1024;
    unit = bigger;
  }
  return unit === 'B' ? `${value} B` : `${value.toFixed(1)} ${unit}`;
}
