import { afterEach, expect, it } from 'vitest';
import { kernelNotes, lockedOrPresent } from '../../guest/harness/kernels.js';

const KERNEL = { name: '6.1', suite: 'bookworm', version: '6.1.100-1' };
const PRESENT = { dir: '/cache/present', packages: [{ name: 'linux-image', version: '6.1.112-1', sha256: '' }] };

afterEach(() => {
  kernelNotes.length = 0;
});

it('takes the locked kernel, and notes nothing', () => {
  const present = () => {
    throw new Error('not to be asked');
  };
  expect(lockedOrPresent(KERNEL, () => '/cache/locked', present)).toBe('/cache/locked');
  expect(kernelNotes).toEqual([]);
});

it('takes the kernel of the suite where no archive has the locked one, and notes it for the summary', () => {
  const gone = () => {
    throw new Error('linux-image_6.1.100-1_amd64.deb: 404 Not Found');
  };
  expect(lockedOrPresent(KERNEL, gone, () => PRESENT)).toBe('/cache/present');
  expect(kernelNotes).toEqual([
    'Linux 6.1: the locked 6.1.100-1 is nowhere any more, 6.1.112-1 of bookworm was taken (npm run kernels:raise locks that one)',
  ]);
});
