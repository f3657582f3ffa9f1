import path from 'node:path';
import { sharedLibrariesOf } from './programs.js';

/**
 * This machine's node with its own loader and libraries, for a guest with a Debian root, whose C library may be an older
 * one. The guest makes /opt/node/wrapper executable and calls that.
 * Returns `files` and `texts` as runGuest takes them.
 */
export function hostNode(): { files: Record<string, string>; texts: Record<string, string> } {
  const libraries = sharedLibrariesOf(process.execPath);
  const loader = libraries.find((file) => /\/ld-linux[^/]*$/.test(file));
  if (loader === undefined) throw new Error(`${process.execPath} has no loader among ${libraries}`);
  const wrapper = `#!/bin/sh\nexec /opt/node/lib/${path.basename(loader)} --library-path /opt/node/lib /opt/node/node "$@"\n`;
  return {
    files: Object.fromEntries([
      [process.execPath, '/opt/node/node'],
      ...libraries.map((file) => [file, `/opt/node/lib/${path.basename(file)}`]),
    ]),
    texts: { '/opt/node/wrapper': wrapper },
  };
}
