import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { waitUntil } from './wait-until.js';

/** Prints each datagram that arrives as a line of JSON. Node.js has no datagram unix sockets, python3 is there for node-gyp. */
const LISTEN = `
import json, socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
while True:
    print(json.dumps(listener.recv(65536).decode()), flush=True)
`;

/** Stands in for systemd at the other end of NOTIFY_SOCKET. */
export class NotifyListener {
  private readonly child: ChildProcess;
  private text = '';

  constructor(readonly path: string) {
    this.child = spawn('python3', ['-c', LISTEN, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.child.stdout!.setEncoding('utf8').on('data', (part: string) => {
      this.text += part;
    });
  }

  /** Resolves when messages are heard. */
  async listening(): Promise<void> {
    await waitUntil('the notify socket is there', () => existsSync(this.path), 10_000);
  }

  /** What has been told so far, each message as its lines. */
  messages(): string[][] {
    const lines = this.text.split('\n').slice(0, -1);
    return lines.map((line) => (JSON.parse(line) as string).split('\n'));
  }

  close(): void {
    this.child.kill();
  }
}
