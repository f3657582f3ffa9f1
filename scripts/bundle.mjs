// Puts the compiled program and the packages that it uses into one file: started from 700 files Node.js needs twice the
// time before the first line of ours runs, and 10 MB more.
import fs from 'node:fs';
import path from 'node:path';
import { rolldown } from 'rolldown';

const PACKAGE = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const LICENSE = /^(licen[cs]e|copying)/i;

/** The directories of the packages that parts were taken from, sorted. */
function packagesOf(modules) {
  const directories = modules.map((id) => id.match(PACKAGE)?.[1]).filter((directory) => directory !== undefined);
  return [...new Set(directories)].sort();
}

/** Name, version and licence text of every package; throws for one that has none. */
function licenses(directories) {
  return directories
    .map((directory) => {
      const { name, version, license } = JSON.parse(fs.readFileSync(path.join(directory, 'package.json'), 'utf8'));
      const file = fs.readdirSync(directory).find((entry) => LICENSE.test(entry));
      if (file === undefined) throw new Error(`${name} ${version} has no licence text`);
      const text = fs.readFileSync(path.join(directory, file), 'utf8').trim();
      return `${name} ${version} (${license})\n\n${text}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}

/**
 * Writes the program that starts at `input` to `file`, the same bytes every time. Returns the licence texts of the packages
 * in it.
 */
export async function bundle(input, file) {
  const build = await rolldown({
    input,
    platform: 'node',
    onLog(level, log) {
      if (level === 'warn') throw new Error(`bundling: ${log.message}`);
    },
  });
  const { output } = await build.write({
    file,
    format: 'esm',
    codeSplitting: false,
    comments: { legal: true, annotation: false, jsdoc: false },
  });
  await build.close();
  return licenses(packagesOf(output.flatMap((chunk) => Object.keys(chunk.modules ?? {}))));
}
