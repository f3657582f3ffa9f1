/**
 * Lets Node.js run the TypeScript of the tests as it is: `node --import ./test/lib/typescript.mjs FILE.ts`. Types are
 * removed, not checked (scripts/check.sh does that), and `./name.js` finds `./name.ts` as it does under tsc. These two files
 * are JavaScript because Node.js runs them before it can run TypeScript.
 */
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
