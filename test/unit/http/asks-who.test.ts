import { describe, expect, it } from 'vitest';
import { asksWho } from '../../../src/http/asks-who.js';
import type { WebConfig } from '../../../src/model/web-config.js';

const withCertificates = (clientAuth: NonNullable<WebConfig['tls']>['clientAuth']) =>
  ({ users: new Map(), tls: { clientAuth } }) as unknown as WebConfig;

describe('asksWho', () => {
  it('is so with passwords and with verified certificates, and not with any certificate', () => {
    expect(asksWho(undefined)).toBe(false);
    expect(asksWho({ users: new Map([['u', 'hash']]) } as unknown as WebConfig)).toBe(true);
    expect(asksWho(withCertificates('RequireAndVerifyClientCert'))).toBe(true);
    expect(asksWho(withCertificates('RequireAnyClientCert'))).toBe(false);
    expect(asksWho(withCertificates('VerifyClientCertIfGiven'))).toBe(false);
    expect(asksWho({ users: new Map() } as unknown as WebConfig)).toBe(false);
  });
});
