import { createHmac, randomBytes } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import type { Compared, Comparison } from './password-worker.js';

/** A check takes some 0.1 s: whoever sends wrong passwords waits for the others, and may not make them wait for long. */
const WAITING_MAX = 8;
/** bcrypt looks at no more. */
const PASSWORD_BYTES_MAX = 72;

export type Verdict = 'admitted' | 'refused' | /** Too many checks wait. */ 'busy';

export interface BasicAuthOptions {
  /** Hashes of bcrypt by user name. */
  readonly users: ReadonlyMap<string, string>;
  /** Told when the thread that checks passwords ended; the next request starts another one. */
  onError(error: Error): void;
  /** For tests. */
  readonly startWorker?: () => Worker;
}

/**
 * Checks the header `Authorization` of requests, form "Basic" of RFC 7617. A password that was right is remembered as a
 * keyed hash, so that only the first scrape of a scraper costs a comparison; these run one at a time in a thread of their
 * own, which is started by the first of them.
 */
export class BasicAuth {
  private users: ReadonlyMap<string, string>;
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, (same: boolean) => void>();
  private lastId = 0;
  private readonly rememberingKey = randomBytes(32);
  /** By user. */
  private readonly remembered = new Map<string, string>();

  constructor(private readonly options: BasicAuthOptions) {
    this.users = options.users;
  }

  async check(header: string | undefined): Promise<Verdict> {
    if (this.users.size === 0) return 'admitted';
    const credentials = credentialsOf(header);
    if (credentials === undefined) return 'refused';
    const { user, password } = credentials;
    const hash = this.users.get(user);
    const proof = createHmac('sha256', this.rememberingKey).update(`${hash}\0${password}`).digest('base64');
    if (hash !== undefined && this.remembered.get(user) === proof) return 'admitted';
    if (this.waiting.size >= WAITING_MAX) return 'busy';
    // An unknown user takes as long as the first one of the file: where all hashes have one cost, the time tells nothing.
    const [anyHash = ''] = this.users.values();
    const same = await this.compare(password, hash ?? anyHash);
    if (!same || hash === undefined || this.users.get(user) !== hash) return 'refused';
    this.remembered.set(user, proof);
    return 'admitted';
  }

  /** Other users from now on. */
  update(users: ReadonlyMap<string, string>): void {
    this.users = users;
    this.remembered.clear();
  }

  async close(): Promise<void> {
    const { worker } = this;
    this.ended();
    await worker?.terminate();
  }

  private compare(password: string, hash: string): Promise<boolean> {
    const id = ++this.lastId;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.worker ??= this.start();
      this.worker.postMessage({ id, password, hash } satisfies Comparison);
    });
  }

  private start(): Worker {
    const worker = (this.options.startWorker ?? startWorker)();
    worker.on('message', ({ id, same }: Compared) => {
      this.waiting.get(id)?.(same);
      this.waiting.delete(id);
    });
    worker.on('error', (error) => {
      this.ended();
      this.options.onError(error);
    });
    // A daemon that is about to end does not wait for a comparison.
    worker.unref();
    return worker;
  }

  /** What waits is refused. */
  private ended(): void {
    this.worker = undefined;
    for (const answer of this.waiting.values()) answer(false);
    this.waiting.clear();
  }
}

function startWorker(): Worker {
  return new Worker(new URL('./password-worker.js', import.meta.url), { env: {}, argv: [], execArgv: [] });
}

function credentialsOf(header = ''): { user: string; password: string } | undefined {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header) ?? [];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 0) return undefined;
  const password = decoded.slice(colon + 1);
  if (Buffer.byteLength(password) > PASSWORD_BYTES_MAX) return undefined;
  return { user: decoded.slice(0, colon), password };
}
