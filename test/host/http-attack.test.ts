import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { expectCheckedLines } from '../lib/checked-lines.js';
import { HostDaemon } from '../lib/host-daemon.js';
import { ledgerGap } from '../lib/metrics.js';
import { pipelineWithoutReading } from '../lib/pipelined-scrapes.js';

let daemon: HostDaemon;

beforeEach(() => {
  daemon = new HostDaemon({ listen: 'port' });
});

afterEach(() => daemon.dispose());
afterAll(expectCheckedLines);

const FILES = 50_000;
/** Kilobytes that the attack may cost. */
const MEMORY_KB = 50 * 1024;
/** That, and what deletions take by themselves until garbage is collected: 22 to 41 MB together. */
const BESIDE_DELETIONS_KB = 80 * 1024;

/** On a connection of its own: one that is kept may be closed in favour of newer ones while it waits. */
function scrapeStatus(): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.get(`http://${daemon.address}/metrics`, { agent: false, timeout: 10_000 }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode!));
    });
    request.on('error', reject).on('timeout', () => request.destroy(new Error('no answer')));
  });
}

function residentKilobytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s*(\d+)/m.exec(status)![1]);
}

/** What the slowest scrape took, and the most memory that the daemon had, until `enough` says so. */
async function watchScrapes(enough: (scrapes: number) => boolean): Promise<{ slowestMs: number; kilobytes: number }> {
  let slowestMs = 0;
  let kilobytes = 0;
  for (let scrapes = 0; !enough(scrapes); scrapes++) {
    const beginMs = performance.now();
    expect(await scrapeStatus()).toBe(200);
    slowestMs = Math.max(slowestMs, performance.now() - beginMs);
    kilobytes = Math.max(kilobytes, residentKilobytes(daemon.pid));
  }
  return { slowestMs, kilobytes };
}

test('clients that pipeline and never read delay neither a scrape nor a line nor the stop', async () => {
  daemon.configure({ watches: [{ name: 'work', include: [`${daemon.work}/**`] }] });
  await daemon.start();
  const { kilobytes: idle } = await watchScrapes((scrapes) => scrapes === 10);
  const attacker = await pipelineWithoutReading(daemon.address);
  try {
    const attacked = await watchScrapes((scrapes) => scrapes === 20);
    console.log(`slowest scrape ${attacked.slowestMs.toFixed(0)} ms, ${attacked.kilobytes - idle} KB more memory`);
    expect(attacked.slowestMs).toBeLessThan(1_000);
    expect(attacked.kilobytes - idle).toBeLessThan(MEMORY_KB);

    const tree = join(daemon.work, 'tree');
    mkdirSync(tree);
    const deleter = spawn('sh', ['-c', `seq ${FILES} | xargs touch; rm -r "$1"`, 'sh', tree], { cwd: tree });
    const ended = once(deleter, 'exit');
    const flooded = await watchScrapes(() => deleter.exitCode !== null);
    expect(await ended).toEqual([0, null]);
    console.log(
      `slowest scrape beside ${FILES} deletions ${flooded.slowestMs.toFixed(0)} ms, ${flooded.kilobytes - idle} KB more`,
    );
    expect(flooded.slowestMs).toBeLessThan(1_000);
    expect(flooded.kilobytes - idle).toBeLessThan(BESIDE_DELETIONS_KB);
    const metrics = await daemon.settleLog();
    expect(ledgerGap(metrics)).toBe(0);
    expect(metrics.get('rmwatch_deletions_total{watch="work",operation="unlink"}')).toBe(FILES);
    expect(daemon.events()).toHaveLength(FILES + 1);

    const beginMs = performance.now();
    expect(await daemon.stop()).toBe(0);
    expect(performance.now() - beginMs).toBeLessThan(5_000);
  } finally {
    attacker.kill('SIGKILL');
  }
}, 120_000);
