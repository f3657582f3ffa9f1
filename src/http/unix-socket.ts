import fs from 'node:fs';
import net from 'node:net';

/** Only owner and group may connect. */
const SOCKET_UMASK = 0o117;

/**
 * Removes what a crashed process left at `path`, so that the address can be bound again. Only a socket on which no process
 * listens goes; anything else at the path belongs to another program, and is an error.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new Error(`${path} exists and is not a socket`);
  if (await someoneListens(path)) throw new Error(`another process listens on ${path}`);
  fs.rmSync(path, { force: true });
}

/** Binding happens within the call, so the mask holds for the socket alone, and the socket never exists with a wider mode. */
export function listenOnSocket(server: net.Server, path: string): void {
  const previous = process.umask(SOCKET_UMASK);
  try {
    server.listen(path);
  } finally {
    process.umask(previous);
  }
}

/** Only a refused connection proves that the socket is dead; when unsure, it is taken to be alive. */
export function someoneListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.connect(path);
    const answer = (listens: boolean) => {
      probe.destroy();
      resolve(listens);
    };
    probe.once('connect', () => answer(true));
    probe.once('error', (error: NodeJS.ErrnoException) =>
      answer(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}
