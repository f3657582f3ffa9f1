/** The machine in one line, without its name. */
import fs from 'node:fs';
import os from 'node:os';

export function describeMachine(): string {
  const release = fs.readFileSync('/etc/os-release', 'utf8').match(/^PRETTY_NAME="?([^"\n]*)/m)?.[1];
  const cpus = os.cpus();
  const virtual = / hypervisor /.test(fs.readFileSync('/proc/cpuinfo', 'utf8')) ? ', virtual' : '';
  return [
    `${cpus.length} CPUs (${cpus[0]?.model.trim()}${virtual})`,
    `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    `Linux ${os.release().replace(/-.*/, '')}`,
    release,
    `Node.js ${process.version}`,
  ].join(', ');
}
