import { isIP, type Socket } from 'node:net';
import tls, { type SecureContextOptions, type TLSSocket } from 'node:tls';
import type { ClientAuthType, TlsSettings } from '../model/web-config.js';

/** A client that needs longer for the handshake is not a scraper. */
const HANDSHAKE_TIMEOUT_MS = 2_000;

/** Which certificates of clients are taken: whether one must be there, and whether an authority must have signed it. */
const CLIENT_AUTH: Readonly<Record<ClientAuthType, { asked: boolean; required: boolean; verified: boolean }>> = {
  NoClientCert: { asked: false, required: false, verified: false },
  RequestClientCert: { asked: true, required: false, verified: false },
  RequireAnyClientCert: { asked: true, required: true, verified: false },
  VerifyClientCertIfGiven: { asked: true, required: false, verified: true },
  RequireAndVerifyClientCert: { asked: true, required: true, verified: true },
};

/** Options of a secure context. node:tls throws when certificate, key and authorities do not make one. */
export function secureContextOptions(settings: TlsSettings): SecureContextOptions {
  const { certificates, key, clientAuthorities, minVersion, maxVersion } = settings;
  return {
    cert: Buffer.from(certificates),
    key: Buffer.from(key),
    minVersion,
    maxVersion,
    ...(clientAuthorities && { ca: Buffer.from(clientAuthorities) }),
  };
}

/**
 * Turns TCP connections into TLS connections whose client is the one that was asked for. It does not listen itself: the
 * limit of connections counts them from their first byte on.
 */
export class TlsFront {
  private server: tls.Server;
  /** Connections before the end of their handshake, by their client's address and port. */
  private readonly handshakes = new Map<string, (secured: TLSSocket) => void>();

  /** Throws when the certificates are unfit. */
  constructor(settings: TlsSettings) {
    this.server = this.createServer(settings);
  }

  /** Takes over a connection; `onSecured` is called when its handshake is over and its client is admitted. */
  accept(connection: Socket, onSecured: (secured: TLSSocket) => void): void {
    const client = addressOf(connection);
    this.handshakes.set(client, onSecured);
    connection.once('close', () => {
      if (this.handshakes.get(client) === onSecured) this.handshakes.delete(client);
    });
    this.server.emit('connection', connection);
  }

  /** For the connections that come from now on. Throws, with nothing changed, when the certificates are unfit. */
  update(settings: TlsSettings): void {
    this.server = this.createServer(settings);
  }

  private createServer(settings: TlsSettings): tls.Server {
    const server = tls.createServer({
      ...secureContextOptions(settings),
      requestCert: CLIENT_AUTH[settings.clientAuth].asked,
      // What is asked of a certificate depends on more than its signature, see admits().
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    server.on('secureConnection', (secured) => {
      const client = addressOf(secured);
      const onSecured = this.handshakes.get(client);
      this.handshakes.delete(client);
      if (onSecured === undefined || !admits(settings, secured)) secured.destroy();
      else onSecured(secured);
    });
    return server;
  }
}

/** One listener has no two connections of the same address and port at a time. */
function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function admits({ clientAuth, clientNames }: TlsSettings, client: TLSSocket): boolean {
  const { required, verified } = CLIENT_AUTH[clientAuth];
  const certificate = client.getPeerX509Certificate();
  if (certificate === undefined) return !required;
  if (verified && !client.authorized) return false;
  if (clientNames.length === 0) return true;
  // Names of the subject do not count, and no wildcard of a certificate covers a name.
  const exactly = { subject: 'never', wildcards: false } as const;
  return clientNames.some((name) => {
    if (isIP(name) !== 0) return certificate.checkIP(name) !== undefined;
    if (name.includes('@')) return certificate.checkEmail(name, { subject: 'never' }) !== undefined;
    return certificate.checkHost(name, exactly) !== undefined;
  });
}
