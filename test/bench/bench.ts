/** npm run bench: what listening and searching cost, rmwatch beside others, as Markdown on stdout. Progress goes to stderr. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { goalLines } from './goals.js';
import { measureGuest } from './guest.js';
import { type Measured, measure } from './measure.js';
import { type BenchOptions, parseOptions, USAGE } from './options.js';
import { planFor } from './plan.js';
import { buildPrograms } from './programs.js';
import { reportText } from './report.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const say = (text: string) => process.stderr.write(`bench: ${text}\n`);

async function run(options: BenchOptions): Promise<void> {
  const programs = buildPrograms();
  const measured: Record<string, Measured> = {};
  if (options.only !== 'guest') {
    const host = await measure({ plan: planFor(options, 'host'), programs, program: [process.execPath, MAIN], say });
    measured['host'] = host;
    console.log(reportText({ title: 'This machine', ...host }));
    console.log(`\n${goalLines(host).join('\n')}`);
  }
  if (options.only !== 'host') {
    const guest = await measureGuest({ kernel: options.kernel, plan: planFor(options, 'guest'), programs, say });
    measured['guest'] = guest;
    const title = `A guest, Linux ${guest.release}, emulated: only ratios mean anything`;
    console.log(`\n${reportText({ title, ...guest })}`);
  }
  if (options.json) fs.writeFileSync(path.resolve(options.json), `${JSON.stringify(measured, null, 1)}\n`);
}

function optionsOrExit(): BenchOptions {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}\n`);
    process.exit(2);
  }
}

const options = optionsOrExit();
if (options.help) console.log(USAGE);
else await run(options);
