import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for a condition, and says which one when it does not come true in time. */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs = 5_000,
  pollMs = 2,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await sleep(pollMs);
  }
}
