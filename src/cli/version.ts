import { readFileSync } from 'node:fs';
import { EXIT } from './exit-codes.js';
import type { CommandIo } from './io.js';

/** package.json stays two directories up, in the checkout and as installed. */
export function programVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

export function version(_options: Record<string, never>, io: CommandIo): number {
  io.stdout.write(`rmwatch ${programVersion()}\n`);
  return EXIT.ok;
}
