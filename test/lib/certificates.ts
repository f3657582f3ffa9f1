import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** Makes keys and certificates in a directory with openssl(1). */
export class Certificates {
  constructor(private readonly directory: string) {}

  path(file: string): string {
    return path.join(this.directory, file);
  }

  read(file: string): Buffer {
    return fs.readFileSync(this.path(file));
  }

  /** `NAME.pem` and `NAME.key`, signed by itself. */
  authority(name: string): void {
    this.openssl('req', '-x509', ...this.newKey(name), '-out', `${name}.pem`, '-days', '2', '-subj', `/CN=${name}`);
  }

  /** `NAME.pem` and `NAME.key`, signed by an authority; names such as "DNS:example.org". */
  signed(name: string, by: string, names: readonly string[]): void {
    const extensions = `${name}.ext`;
    fs.writeFileSync(this.path(extensions), `subjectAltName=${names.join(',')}\n`);
    this.openssl('req', '-new', ...this.newKey(name), '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const signer = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial'];
    this.openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      ...signer,
      '-out',
      `${name}.pem`,
      '-days',
      '2',
      '-extfile',
      extensions,
    );
  }

  private newKey(name: string): string[] {
    return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${name}.key`];
  }

  private openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.directory, stdio: 'pipe' });
  }
}
