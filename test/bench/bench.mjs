/** npm run bench: what listening costs, rmwatch beside others, as Markdown on stdout. Progress goes to stderr. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { goalLines } from './goals.mjs';
import { measure } from './measure.mjs';
import { parseOptions, USAGE } from './options.mjs';
import { planFor } from './plan.mjs';
import { buildPrograms } from './programs.mjs';
import { reportText } from './report.mjs';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const say = (text) => process.stderr.write(`bench: ${text}\n`);

function measureHost(options, programs) {
  return measure({
    plan: planFor(options, 'host'),
    programs,
    program: (nodeOptions) => [process.execPath, ...nodeOptions, main],
    say,
  });
}

async function run(options) {
  const programs = buildPrograms();
  const measured = {};
  if (options.only !== 'guest') {
    measured.host = await measureHost(options, programs);
    console.log(reportText({ title: 'This machine', ...measured.host }));
    console.log(`\n${goalLines(measured.host).join('\n')}`);
  }
  if (options.only !== 'host') {
    const { measureGuest } = await import('./guest.mjs');
    measured.guest = await measureGuest({ kernel: options.kernel, plan: planFor(options, 'guest'), programs, say });
    const title = `A guest, Linux ${measured.guest.release}, emulated: only ratios mean anything`;
    console.log(`\n${reportText({ title, ...measured.guest })}`);
  }
  if (options.json) fs.writeFileSync(path.resolve(options.json), `${JSON.stringify(measured, null, 1)}\n`);
}

let options;
try {
  options = parseOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.message}\n${USAGE}\n`);
  process.exit(2);
}
if (options.help) {
  console.log(USAGE);
} else {
  await run(options);
}
