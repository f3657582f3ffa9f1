/**
 * Paths are bytes. Inside the daemon they travel as strings in latin1 view: every character of the string is one byte
 * of the path, so nothing is lost when a name is not valid UTF-8, and comparing strings compares bytes.
 */

/** The bytes of a text from the configuration or the command line, in the same view as paths. */
export function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** The readable form of bytes: valid UTF-8 as it is, U+FFFD for what is not. */
export function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/**
 * How many bytes the character at `at` has: 2 to 4 for a well-formed UTF-8 sequence, 1 for ASCII and for every byte that
 * belongs to no such sequence. Cutting a name this way is unambiguous, which keeps wildcard matching free of choices.
 */
export function characterLength(bytes: string, at: number): number {
  const lead = bytes.charCodeAt(at);
  if (lead < 0xc2 || lead > 0xf4) return 1;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + length > bytes.length) return 1;
  for (let offset = 1; offset < length; offset++) {
    if ((bytes.charCodeAt(at + offset) & 0xc0) !== 0x80) return 1;
  }
  const second = bytes.charCodeAt(at + 1);
  // The second byte alone tells overlong forms, surrogates and values above U+10FFFF.
  if (lead === 0xe0 && second < 0xa0) return 1;
  if (lead === 0xed && second > 0x9f) return 1;
  if (lead === 0xf0 && second < 0x90) return 1;
  if (lead === 0xf4 && second > 0x8f) return 1;
  return length;
}

/** The code point of the character at `at` that is `length` bytes long; undefined for a byte that is no character. */
export function codePointAt(bytes: string, at: number, length: number): number | undefined {
  const lead = bytes.charCodeAt(at);
  if (length === 1) return lead < 0x80 ? lead : undefined;
  let value = lead & (0xff >> (length + 1));
  for (let offset = 1; offset < length; offset++) value = (value << 6) | (bytes.charCodeAt(at + offset) & 0x3f);
  return value;
}
