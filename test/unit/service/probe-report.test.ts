import { expect, it } from 'vitest';
import type { WantedAttach } from '../../../src/model/config.js';
import type { OpenedProbe } from '../../../src/probe/open-probe.js';
import { reportProbe } from '../../../src/service/probe-report.js';
import type { RuntimeParts } from '../../../src/service/runtime-parts.js';

function reported(mode: 'kprobe' | 'tracepoint', wanted: WantedAttach, changes: object = {}) {
  const told: { level: string; message: string }[] = [];
  const at = (level: string) => (fields: unknown, message?: string) => {
    told.push({ level, message: message ?? String(fields) });
  };
  const diagnostics = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  const description = { symbol: 'vfs_unlink', attached: [], leftOut: '', hostMountNamespace: 1, ...changes };
  const refusals = [{ mode: 'kprobe', reason: 'refused', hint: undefined, details: '' }];
  const probe = { mode, description, refusals } as unknown as OpenedProbe<unknown>;
  reportProbe(probe, wanted, { diagnostics } as unknown as RuntimeParts);
  return told;
}

const warnings = (told: ReturnType<typeof reported>) => told.filter(({ level }) => level === 'warn');

it('warns of the mode that sees less, unless it was asked for', () => {
  const [warning, ...others] = warnings(reported('tracepoint', 'auto'));
  expect(warning?.message).toMatch(/^only system calls can be hooked/);
  expect(others).toEqual([]);
  expect(warnings(reported('tracepoint', 'tracepoint'))).toEqual([]);
  expect(warnings(reported('kprobe', 'auto'))).toEqual([]);
});

it('warns where the mount namespace of the host cannot be told', () => {
  expect(warnings(reported('kprobe', 'auto', { hostMountNamespace: 0 }))).toHaveLength(1);
});

it('says why a better mode was passed over, and hooks that carry one program', () => {
  const messages = reported('tracepoint', 'auto', { leftOut: 'attach it: EPERM' }).map(({ message }) => message);
  expect(messages).toEqual(
    expect.arrayContaining(['attach mode not usable', 'hooks carry one program instead of two']),
  );
});
