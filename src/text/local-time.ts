export interface LocalTimeOptions {
  /** With the day, for times that may be of any. */
  readonly date: boolean;
}

/** What the reader's own clock shows, with milliseconds; dashes for what is no time. */
export function localTime(timestamp: string, { date: withDate }: LocalTimeOptions): string {
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) return '--:--:--.---';
  const day = withDate ? `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` : '';
  const milliseconds = String(date.getMilliseconds()).padStart(3, '0');
  return `${day}${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
