import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DaemonProcess } from './daemon-process.js';

/** A daemon that serves metrics on a free port of the loopback, for clients that know no unix sockets. */
export class TcpDaemon extends DaemonProcess {
  override configure(config: Record<string, unknown>): void {
    // Port 0: the daemon takes a free one and says which.
    const whole = { self_test: { interval: 'off' }, ...config, http: { listen: '127.0.0.1:0' } };
    writeFileSync(join(this.directory, 'rmwatch.yaml'), JSON.stringify(whole));
  }

  /** `host:port`; known once the daemon has said it. */
  get address(): string {
    const [, address] = /"address":"http:\/\/([^"]+)"/.exec(this.diagnostics) ?? [];
    if (address === undefined) throw new Error('the daemon has not told its address yet');
    return address;
  }

  override async get(path: string): Promise<{ status: number; body: string }> {
    // A connection that is kept may be closed while it waits.
    const options = { signal: AbortSignal.timeout(5_000), headers: { Connection: 'close' } };
    const response = await fetch(`http://${this.address}${path}`, options);
    return { status: response.status, body: await response.text() };
  }
}
