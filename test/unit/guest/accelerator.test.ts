import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { chooseAccelerator } from '../../guest/harness/accelerator.js';

/** Stands in for QEMU where no machine has KVM: a shell script, and a file instead of /dev/kvm. */
let directory: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rmwatch-accelerator-'));
  fs.writeFileSync(path.join(directory, 'kvm'), '');
  vi.stubEnv('RMWATCH_ACCEL', undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
  fs.rmSync(directory, { recursive: true, force: true });
});

const file = (name: string) => path.join(directory, name);

function choose(script: string, { device = file('kvm'), release = '6.12.1', limitMs = 5_000 } = {}) {
  const text = `#!/bin/sh\necho "$@" >>${file('calls')}\n${script}\n`;
  fs.writeFileSync(file('qemu'), text, { mode: 0o755 });
  return chooseAccelerator({
    qemu: { command: file('qemu'), args: ['--stand-in'], env: {}, version: 10 },
    kernel: { release, vmlinuz: '/vmlinuz' },
    busybox: file('kvm'),
    device,
    cacheFile: file('answers.json'),
    limitMs,
  });
}

const calls = () => (fs.existsSync(file('calls')) ? fs.readFileSync(file('calls'), 'utf8').trim().split('\n') : []);

test('a kernel that boots under KVM runs under it', async () => {
  expect(await choose('echo rmwatch-kvm-works')).toMatchObject({ name: 'kvm' });
  expect(calls()[0]).toMatch(/^--stand-in .*-accel kvm -cpu host .*-kernel \/vmlinuz /);
});

test('a kernel that hangs under KVM runs in emulation when the limit is over', async () => {
  expect(await choose('exec sleep 60', { limitMs: 200 })).toEqual({
    name: 'tcg',
    reason: 'KVM does not work: the kernel did not boot within 0.2 s',
  });
});

test('a QEMU that refuses KVM is not asked to use it, and its reason is reported', async () => {
  expect(await choose('echo "failed to initialize kvm: No such device" >&2; exit 1')).toEqual({
    name: 'tcg',
    reason: 'KVM does not work: QEMU ended with 1: failed to initialize kvm: No such device',
  });
});

test('the answer is kept for the same guest kernel only', async () => {
  expect(await choose('exit 1')).toMatchObject({ name: 'tcg' });
  expect(await choose('echo rmwatch-kvm-works')).toMatchObject({ name: 'tcg' });
  expect(calls()).toHaveLength(1);
  expect(await choose('echo rmwatch-kvm-works', { release: '7.3.4' })).toMatchObject({ name: 'kvm' });
  expect(await choose('exit 1')).toMatchObject({ name: 'tcg' });
  expect(calls()).toHaveLength(2);
});

test('without a device nothing is tried', async () => {
  expect(await choose('echo rmwatch-kvm-works', { device: file('none') })).toMatchObject({ name: 'tcg' });
  expect(calls()).toEqual([]);
});

test.each(['tcg', 'kvm'])('RMWATCH_ACCEL=%s decides by hand', async (name) => {
  vi.stubEnv('RMWATCH_ACCEL', name);
  expect(await choose('exit 1')).toEqual({ name, reason: 'RMWATCH_ACCEL says so' });
  expect(calls()).toEqual([]);
});

test('another RMWATCH_ACCEL is refused', async () => {
  vi.stubEnv('RMWATCH_ACCEL', 'xen');
  await expect(choose('exit 1')).rejects.toThrow('RMWATCH_ACCEL is neither tcg, kvm nor counted: xen');
});
