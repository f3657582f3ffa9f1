// Puts the compiled program and the packages that it uses into few files: started from 700 files Node.js needs twice the
// time before the first line of ours runs, and 10 MB more.
import { rolldown } from 'rolldown';

const PACKAGE = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//;

/** The directories of the packages that parts were taken from, sorted. */
function packagesOf(modules) {
  const directories = modules.map((id) => id.match(PACKAGE)?.[1]).filter((directory) => directory !== undefined);
  return [...new Set(directories)].sort();
}

/**
 * Writes the programs that start at `inputs`, one name and file each, to `directory`, and beside them what they share or import
 * dynamically, the same bytes every time. Returns the name of each file and the directories of the packages that it contains.
 */
export async function bundle(inputs, directory) {
  const build = await rolldown({
    input: inputs,
    platform: 'node',
    onLog(level, log) {
      if (level === 'warn') throw new Error(`bundling: ${log.message}`);
    },
  });
  const { output } = await build.write({
    dir: directory,
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    format: 'esm',
    comments: { legal: true, annotation: false, jsdoc: false },
  });
  await build.close();
  return output.map(({ fileName, modules = {} }) => ({ fileName, packages: packagesOf(Object.keys(modules)) }));
}
