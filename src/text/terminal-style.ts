import tty from 'node:tty';

/** Select Graphic Rendition codes of the few looks in use. */
const STYLES = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const;
export type Style = keyof typeof STYLES;

export type Paint = (style: Style, text: string) => string;

export function painter(color: boolean): Paint {
  return color ? (style, text) => `\x1b[${STYLES[style]}m${text}\x1b[0m` : (_style, text) => text;
}

/** https://no-color.org: any value but the empty one turns colours off. */
export function colorWanted(descriptor: number, env: NodeJS.ProcessEnv): boolean {
  return tty.isatty(descriptor) && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}
