import { isUtf8 } from 'node:buffer';

/**
 * File names are bytes. Inside the program they are strings with one character for each byte (latin1 view); here they
 * become text for people and JSON.
 */

/** Every byte is printable ASCII that stands for itself in JSON. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** The bytes as text: U+FFFD stands for what is not UTF-8. */
export function textOf(latin1: string): string {
  return PLAIN.test(latin1) ? latin1 : Buffer.from(latin1, 'latin1').toString('utf8');
}

/** The bytes as a JSON string, quotes included. */
export function jsonOf(latin1: string): string {
  return PLAIN.test(latin1) ? `"${latin1}"` : JSON.stringify(Buffer.from(latin1, 'latin1').toString('utf8'));
}

/** The bytes as a part of a JSON string, without quotes. */
export function jsonPartOf(latin1: string): string {
  return PLAIN.test(latin1) ? latin1 : jsonOf(latin1).slice(1, -1);
}

/** The bytes in base64 when `textOf` could not keep them, otherwise undefined. */
export function base64IfLossy(latin1: string): string | undefined {
  if (PLAIN.test(latin1)) return undefined;
  const bytes = Buffer.from(latin1, 'latin1');
  return isUtf8(bytes) ? undefined : bytes.toString('base64');
}
