import { fileURLToPath } from 'node:url';
import { bundleProgram } from '../lib/bundle.js';

/** Makes one file of event-lines.ts, for programs of guests that are not bundled themselves. Returns it, in a new directory. */
export function bundleEventLines(): Promise<string> {
  return bundleProgram(fileURLToPath(new URL('event-lines.ts', import.meta.url)));
}
