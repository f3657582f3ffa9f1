import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Systemd } from '../../../src/service/systemd.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

function bench(socket: string | undefined = '/run/systemd/notify') {
  const sent: string[] = [];
  const sockets = new Set<string>();
  const send = (path: string, message: string) => {
    sockets.add(path);
    sent.push(message);
  };
  return { sent, sockets, systemd: new Systemd(send, socket) };
}

const PINGED = { WATCHDOG_USEC: '30000000', WATCHDOG_PID: String(process.pid) };

describe('Systemd', () => {
  it('tells the states of the service', () => {
    const { sent, sockets, systemd } = bench('@abstract');
    systemd.ready('watching: 2 watches');
    systemd.status('SELF-TEST FAILING');
    systemd.stopping();
    expect(sent).toEqual(['READY=1\nSTATUS=watching: 2 watches', 'STATUS=SELF-TEST FAILING', 'STOPPING=1']);
    expect([...sockets]).toEqual(['@abstract']);
  });

  it('says when a reload began, by the monotonic clock', () => {
    const { sent, systemd } = bench();
    const before = process.hrtime.bigint();
    systemd.reloading();
    const [, microseconds] = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(sent[0]!)!;
    expect(BigInt(microseconds!)).toBeGreaterThanOrEqual(before / 1000n);
    expect(BigInt(microseconds!)).toBeLessThanOrEqual(process.hrtime.bigint() / 1000n);
  });

  it('is silent where systemd does not listen', () => {
    vi.stubEnv('NOTIFY_SOCKET', undefined);
    const sent: string[] = [];
    const systemd = new Systemd((_path, message) => sent.push(message));
    systemd.ready('');
    systemd.startWatchdog(() => true, PINGED);
    vi.advanceTimersByTime(60_000);
    systemd.stopping();
    expect(sent).toEqual([]);
  });

  it('survives a socket that went away', () => {
    const systemd = new Systemd(() => {
      throw new Error('ECONNREFUSED');
    }, '/run/gone');
    expect(() => systemd.ready('')).not.toThrow();
  });
});

describe('the watchdog', () => {
  it('is fed at half its interval, for as long as the service lives', () => {
    const { sent, systemd } = bench();
    let alive = true;
    systemd.startWatchdog(() => alive, PINGED);
    vi.advanceTimersByTime(14_999);
    expect(sent).toHaveLength(0);
    vi.advanceTimersByTime(30_001);
    expect(sent).toEqual(['WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1']);
    alive = false;
    vi.advanceTimersByTime(60_000);
    expect(sent).toHaveLength(3);
    alive = true;
    vi.advanceTimersByTime(15_000);
    expect(sent).toHaveLength(4);
  });

  it('is left alone once the service stops', () => {
    const { sent, systemd } = bench();
    systemd.startWatchdog(() => true, PINGED);
    systemd.stopping();
    vi.advanceTimersByTime(60_000);
    expect(sent).toEqual(['STOPPING=1']);
  });

  it.each([
    ['it was not asked for', {}],
    ['it was asked of another process', { ...PINGED, WATCHDOG_PID: String(process.pid + 1) }],
    ['its interval is no number', { WATCHDOG_USEC: 'infinity' }],
    ['its interval is empty', { WATCHDOG_USEC: '' }],
    ['its interval is zero', { WATCHDOG_USEC: '0' }],
  ])('is not fed when %s', (_what, environment) => {
    const { sent, systemd } = bench();
    systemd.startWatchdog(() => true, environment);
    vi.advanceTimersByTime(60_000);
    expect([sent, vi.getTimerCount()]).toEqual([[], 0]);
  });

  it('is fed when it was asked of no particular process', () => {
    const { sent, systemd } = bench();
    systemd.startWatchdog(() => true, { WATCHDOG_USEC: '2000000' });
    vi.advanceTimersByTime(1_000);
    expect(sent).toEqual(['WATCHDOG=1']);
  });
});
