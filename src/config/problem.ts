import { escapeControl } from '../text/escape.js';

/** One thing wrong with a configuration file, at the place where it is. */
export interface Problem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** `watches[0].include[1]`; '' for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

/** Where a value is: keys and list positions from the top of the file. */
export type KeyPath = readonly (string | number)[];

/** One line; control characters from the file cannot reach the terminal. */
export function formatProblem({ file, line, column, path, message }: Problem): string {
  return escapeControl(`${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`);
}

export function formatPath(path: KeyPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z0-9_-]+$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}
