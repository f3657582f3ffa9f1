/** Runs in a guest: in-guest.mjs PLAN PROGRAMS measures and reports everything as one line. */
import fs from 'node:fs';
import { measure } from './measure.js';

const [planFile, programs] = process.argv.slice(2);
const measured = await measure({
  plan: JSON.parse(fs.readFileSync(planFile!, 'utf8')),
  programs: programs!,
  program: ['/stage/usr/bin/rmwatch'],
  // The root file system of the guest.
  ext4: '/root/bench',
  say: (text) => console.log(`bench: ${text}`),
});
fs.writeFileSync(process.env['RMWATCH_RESULTS']!, `${JSON.stringify(measured)}\n`, { flag: 'a' });
process.exit(0);
