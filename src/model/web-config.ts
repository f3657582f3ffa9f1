/** Who may read the HTTP pages, as a file in the form of Prometheus' web configuration says; see config/web-config.ts. */
export interface WebConfig {
  /** Absent: plain HTTP. */
  readonly tls?: TlsSettings;
  /** Hashes of bcrypt by user name; empty: no password is asked for. */
  readonly users: ReadonlyMap<string, string>;
  /** Added to every answer. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What a server asks of a client's certificate, by the names of Go's crypto/tls, which Prometheus uses. */
export const CLIENT_AUTH_TYPES = [
  'NoClientCert',
  'RequestClientCert',
  'RequireAnyClientCert',
  'VerifyClientCertIfGiven',
  'RequireAndVerifyClientCert',
] as const;
export type ClientAuthType = (typeof CLIENT_AUTH_TYPES)[number];

export interface TlsSettings {
  /** In PEM, the server's own first. */
  readonly certificates: Uint8Array;
  readonly key: Uint8Array;
  readonly clientAuth: ClientAuthType;
  /** Authorities of client certificates in PEM. */
  readonly clientAuthorities: Uint8Array | undefined;
  /** Host names, addresses and e-mail addresses, one of which a client's certificate must hold; empty: any. */
  readonly clientNames: readonly string[];
  readonly minVersion: TlsVersion;
  readonly maxVersion: TlsVersion;
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';
