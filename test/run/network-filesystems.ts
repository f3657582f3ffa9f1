/** Filesystems whose server runs in the kernel of the guest that is its client, too. */
import { DIRECTORIES, SERVED } from '../guest/scenarios/plan.js';

export interface NetworkFilesystem {
  /** What Debian has for the server. */
  readonly serverPackage: string;
  readonly modules: readonly string[];
  /** They mount it. */
  readonly commands: readonly string[];
}

const LOOPBACK_UP = '/rmwatch/busybox ip link set lo up';

export const NETWORK_FILESYSTEMS: Readonly<Record<string, NetworkFilesystem>> = {
  /** By version 4.2 alone, which needs no port mapper. Nobody waits for old clients. */
  nfs: {
    serverPackage: 'nfs-kernel-server',
    modules: ['nfsd', 'nfsv4'],
    commands: [
      // With a delegation a client keeps what it closed, and renames it instead of removing it: nothing is told of what that releases.
      'echo 0 >/proc/sys/fs/leases-enable',
      `mkdir -p ${SERVED} ${DIRECTORIES['nfs']} /var/lib/nfs/v4recovery`,
      LOOPBACK_UP,
      'mount -t nfsd nfsd /proc/fs/nfsd',
      'mkdir -p /run/rpc_pipefs /var/lib/nfs/nfsdcld',
      'mount -t rpc_pipefs sunrpc /run/rpc_pipefs',
      'nfsdcld',
      `exportfs -o rw,no_root_squash,no_subtree_check,insecure,fsid=0 127.0.0.1:${SERVED}`,
      'rpc.mountd --no-nfs-version 3',
      'rpc.nfsd --no-nfs-version 3 4',
      // Where nfsdcld knows of no client there is no grace period to end.
      '{ echo Y >/proc/fs/nfsd/v4_end_grace || true; }',
      `mount -t nfs4 -o vers=4.2 127.0.0.1:/ ${DIRECTORIES['nfs']}`,
    ],
  },
  /** By SMB 2.1, which needs no ciphers that the kernel of a guest would have to load. */
  cifs: {
    serverPackage: 'ksmbd-tools',
    modules: ['ksmbd', 'cifs', 'nls_utf8', 'nls_ucs2_utils'],
    commands: [
      `mkdir -p ${SERVED} ${DIRECTORIES['cifs']} /etc/ksmbd`,
      LOOPBACK_UP,
      `printf '[global]\\n[served]\\npath = ${SERVED}\\nwriteable = yes\\n' >/etc/ksmbd/ksmbd.conf`,
      'ksmbd.adduser -a root -p root',
      'ksmbd.mountd',
      `for try in 1 2 3 4 5 6 7 8 9; do mount -i -t cifs //127.0.0.1/served ${DIRECTORIES['cifs']} -o ip=127.0.0.1,username=root,password=root,vers=2.1,mfsymlinks && break; sleep 1; done`,
      `grep -q ' ${DIRECTORIES['cifs']} cifs ' /proc/mounts`,
    ],
  },
};
