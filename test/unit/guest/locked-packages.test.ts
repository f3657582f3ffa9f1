import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fetchLockedPackages } from '../../guest/harness/locked-packages.js';

const CONTENT = 'what the package holds';
const ENTRY = {
  name: 'linux-image',
  version: '6.1-1',
  file: 'linux-image_6.1-1_amd64.deb',
  path: 'pool/main/l/linux/linux-image_6.1-1_amd64.deb',
  sha256: createHash('sha256').update(CONTENT).digest('hex'),
  bytes: CONTENT.length,
};
const LOCK = { archive: 'debian', at: '20260101T000000Z', packages: [ENTRY] };

/** Stands in for both archives. In a thread of its own, because the download is waited for. */
const SERVER = `
const { parentPort, workerData } = require('node:worker_threads');
const server = require('node:http').createServer(({ url }, response) => {
  parentPort.postMessage({ url });
  const content = workerData[url];
  response.statusCode = content === undefined ? 404 : 200;
  response.end(content ?? '');
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage({ port: server.address().port }));
`;

let directory: string;
let server: Worker | undefined;
let asked: string[];

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-locked-'));
  asked = [];
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await server?.terminate();
  server = undefined;
  fs.rmSync(directory, { recursive: true, force: true });
});

/** Serves these paths, and has the mirror and the snapshot archive there. */
async function serve(files: Record<string, string>): Promise<void> {
  server = new Worker(SERVER, { eval: true, workerData: files });
  const port = await new Promise<number>((resolve) => {
    server!.on('message', ({ port: listening, url }) => {
      if (listening !== undefined) resolve(listening);
      else asked.push(url);
    });
  });
  vi.stubEnv('RMWATCH_DEBIAN_MIRROR', `http://127.0.0.1:${port}/mirror/debian`);
  vi.stubEnv('RMWATCH_DEBIAN_SNAPSHOT', `http://127.0.0.1:${port}/snapshot`);
}

const ON_MIRROR = `/mirror/debian/${ENTRY.path}`;
const IN_SNAPSHOT = `/snapshot/debian/${LOCK.at}/${ENTRY.path}`;

test('a package comes from the mirror, and is not fetched again', async () => {
  await serve({ [ON_MIRROR]: CONTENT });
  const [file] = fetchLockedPackages(LOCK, { directory });
  expect(fs.readFileSync(file!, 'utf8')).toBe(CONTENT);
  await vi.waitFor(() => expect(asked).toEqual([ON_MIRROR]));
  await server!.terminate();
  expect(fetchLockedPackages(LOCK, { directory })).toEqual([file]);
});

test('what the mirror has no more comes from the snapshot archive', async () => {
  await serve({ [IN_SNAPSHOT]: CONTENT });
  const [file] = fetchLockedPackages(LOCK, { directory });
  expect(fs.readFileSync(file!, 'utf8')).toBe(CONTENT);
  await vi.waitFor(() => expect(asked).toEqual([ON_MIRROR, IN_SNAPSHOT]));
});

test('a mirror that has something else under that name is passed over', async () => {
  await serve({ [ON_MIRROR]: 'what another party put there', [IN_SNAPSHOT]: CONTENT });
  const [file] = fetchLockedPackages(LOCK, { directory });
  expect(fs.readFileSync(file!, 'utf8')).toBe(CONTENT);
});

test('a damaged file in the cache is fetched again', async () => {
  await serve({ [ON_MIRROR]: CONTENT });
  fs.writeFileSync(path.join(directory, ENTRY.file), 'damaged');
  expect(fs.readFileSync(fetchLockedPackages(LOCK, { directory })[0]!, 'utf8')).toBe(CONTENT);
});

test('a package that is nowhere is an error that names both places, and leaves nothing behind', async () => {
  await serve({});
  expect(() => fetchLockedPackages(LOCK, { directory })).toThrow(
    new RegExp(`${ON_MIRROR}: .*404.*; .*${IN_SNAPSHOT}: .*404`, 's'),
  );
  expect(fs.readdirSync(directory)).toEqual([]);
});

test('an archive that does not answer is given up', async () => {
  const silent = http.createServer(() => undefined).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  const { port } = silent.address() as AddressInfo;
  await serve({ [IN_SNAPSHOT]: CONTENT });
  vi.stubEnv('RMWATCH_DEBIAN_MIRROR', `http://127.0.0.1:${port}/debian`);
  const [file] = fetchLockedPackages(LOCK, { directory, connectSeconds: 1 });
  expect(fs.readFileSync(file!, 'utf8')).toBe(CONTENT);
  silent.closeAllConnections();
  silent.close();
}, 60_000);
