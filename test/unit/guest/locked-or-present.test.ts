import { afterEach, expect, it } from 'vitest';
import { kernelNotes, lockedOrPresent, requireNewer } from '../../guest/harness/kernels.js';

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

it('takes a release candidate only when it is newer than what is released', () => {
  expect(() => requireNewer('7.4~rc2-1~exp1', '7.3.4-1~bpo13+1')).not.toThrow();
  expect(() => requireNewer('7.3~rc7-1~exp1', '7.3.4-1~bpo13+1')).toThrow('7.3~rc7-1~exp1, which is not newer than');
  expect(() => requireNewer('7.3.4-1', '7.3.4-1')).toThrow('not newer');
});
