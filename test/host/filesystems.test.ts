import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  differences,
  directoryMadeAgain,
  directoryReplaced,
  filesystemReplaced,
  watchesFor,
} from '../guest/cases/filesystem-faults.js';
import { HostDaemon } from '../lib/host-daemon.js';
import { ledgerGap } from '../lib/metrics.js';

/** On this machine's own kernel, in whatever mode it allows; the other modes are tested in a guest. */
let daemon: HostDaemon;
let work: string;

beforeEach(async () => {
  daemon = new HostDaemon();
  work = join(daemon.work, 'watched');
  mkdirSync(work);
  daemon.configure({ watches: watchesFor(work) });
  await daemon.start();
});

afterEach(() => daemon.dispose());

test.each([
  ['a watched directory that is removed and made again', directoryMadeAgain],
  ['a watched directory that is moved away and replaced', directoryReplaced],
  ['a filesystem that is unmounted, also with a process in it, and replaced', filesystemReplaced],
])('%s', async (_, act) => {
  const did = await act(work, () => daemon.mountsFollowed());
  const metrics = await daemon.settleLog();
  expect(differences(daemon.events(), did)).toEqual([]);
  expect(ledgerGap(metrics)).toBe(0);
});
