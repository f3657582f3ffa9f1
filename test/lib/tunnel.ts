import { once } from 'node:events';
import net from 'node:net';

/** A port of the loopback that leads to a unix socket, as `ssh -L` makes one: for clients that know no unix sockets. */
export class Tunnel {
  private readonly server: net.Server;
  private readonly connections = new Set<net.Socket>();

  private constructor(path: string) {
    this.server = net.createServer((client) => {
      const target = net.connect(path);
      for (const [one, other] of [[client, target] as const, [target, client] as const]) {
        this.connections.add(one);
        one.on('error', () => {});
        one.once('close', () => {
          this.connections.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    });
  }

  /** `path` need not be there yet; a connection while it is not is closed at once. */
  static async open(path: string): Promise<Tunnel> {
    const tunnel = new Tunnel(path);
    tunnel.server.listen(0, '127.0.0.1');
    await once(tunnel.server, 'listening');
    return tunnel;
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const connection of this.connections) connection.destroy();
    await closed;
  }
}
