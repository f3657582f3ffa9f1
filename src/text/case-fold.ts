import { bytesOf } from './utf8.js';

const ASCII = /^[\0-\x7f]*$/;

/**
 * One form for all texts that differ in case or in how accents are composed: Unicode's full case folding as far as upper and
 * lower case letters give it, between canonical decomposition and composition. File systems that ignore case fold less, so
 * what one of them takes for the same name has the same form here.
 */
export function foldText(text: string): string {
  let folded = '';
  // Letter by letter: as a whole, the last sigma of a word would come out otherwise.
  for (const character of text.normalize('NFD')) folded += character.toLowerCase().toUpperCase().toLowerCase();
  return folded.normalize('NFC');
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** foldText() of a path in latin1 view, name by name; of a name that is no UTF-8, only the ASCII letters are folded. */
export function foldPath(path: string): string {
  return ASCII.test(path) ? path.toLowerCase() : path.split('/').map(foldName).join('/');
}

function foldName(name: string): string {
  if (ASCII.test(name)) return name.toLowerCase();
  try {
    return bytesOf(foldText(decoder.decode(Buffer.from(name, 'latin1'))));
  } catch {
    return name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  }
}
