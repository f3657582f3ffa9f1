import net, { type AddressInfo } from 'node:net';
import { basename } from 'node:path';
import { expect, it } from 'vitest';
import { processListeningOn } from '../../../src/host/listening-process.js';

it.each(['127.0.0.1', '::'])('names the process that listens on a port of %s', async (host) => {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  expect(processListeningOn(port)).toEqual({ pid: process.pid, name: basename(process.execPath) });
  await new Promise((resolve) => server.close(resolve));
  expect(processListeningOn(port)).toBeUndefined();
});

it('finds nothing where nothing may be seen', () => {
  expect(processListeningOn(80, '/nonexistent')).toBeUndefined();
});
