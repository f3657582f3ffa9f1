/** Filesystems that programs of Debian prepare: servers, in the guest that is their client, too, and mkfs. */
import { type ComesLate, DIRECTORIES, SERVED } from '../guest/scenarios/plan.js';

export interface PreparedFilesystem {
  /** What Debian has for it. */
  readonly package: string;
  readonly modules: readonly string[];
  /** They mount it. */
  readonly commands: readonly string[];
  /** A command that takes it away with its module, and one that brings it back. */
  readonly comesLate?: ComesLate;
  /** Those with the same word may share a guest. */
  readonly guest: string;
}

const LOOPBACK_UP = '/rmwatch/busybox ip link set lo up';

const CEPH_OSD = '00000000-0000-4000-8000-000000000002';
/** No keys, and one copy of everything, on one host. */
const CEPH_SETTINGS = [
  '[global]',
  'fsid = 00000000-0000-4000-8000-000000000001',
  'mon host = v1:127.0.0.1:6789',
  ...['cluster', 'service', 'client'].map((name) => `auth ${name} required = none`),
  // Every change would wait a second for others.
  'paxos propose interval = 0.1',
  'mon allow pool size one = true',
  'osd objectstore = memstore',
  'osd pool default size = 1',
  'osd pool default pg num = 8',
  'osd pool default pg autoscale mode = off',
  'osd crush chooseleaf type = 0',
  // Without keys a daemon may do that before it knows the cluster's number, and ends when it is refused.
  'osd crush update on start = false',
  'osd class update on start = false',
];
const CEPH_MOUNT = `for try in $(seq 60); do mount -i -t ceph 127.0.0.1:6789:/ ${DIRECTORIES['ceph']} -o name=admin && break; sleep 1; done`;
const CEPH_COMMANDS = [
  `osd new ${CEPH_OSD}`,
  'osd crush add osd.0 1 root=default',
  'osd pool create data',
  'osd pool create metadata',
  'fs new ceph metadata data',
];

export const PREPARED_FILESYSTEMS: Readonly<Record<string, PreparedFilesystem>> = {
  /** By version 4.2 alone, which needs no port mapper. Nobody waits for old clients. */
  nfs: {
    package: 'nfs-kernel-server',
    guest: 'nfs',
    modules: ['nfsd', 'nfsv4'],
    commands: [
      // With a delegation a client keeps what it closed, and renames it instead of removing it: its former path is not told then.
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
    package: 'ksmbd-tools',
    guest: 'cifs',
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
  /** From a server outside the kernel. */
  '9p': {
    package: 'diod',
    guest: '9p and ocfs2',
    modules: ['9p', '9pnet_fd'],
    commands: [
      `mkdir -p ${SERVED} ${DIRECTORIES['9p']}`,
      LOOPBACK_UP,
      `diod -n -U root -S -l 127.0.0.1:5640 -e ${SERVED} -L /tmp/diod.log`,
      `for try in 1 2 3 4 5 6 7 8 9; do mount -i -t 9p -n 127.0.0.1 ${DIRECTORIES['9p']} -o trans=tcp,port=5640,version=9p2000.L,aname=${SERVED},uname=root,access=user && break; sleep 1; done`,
      `grep -q ' ${DIRECTORIES['9p']} 9p ' /proc/mounts`,
    ],
  },
  /** Of one host, whose locks are local. */
  ocfs2: {
    package: 'ocfs2-tools',
    guest: '9p and ocfs2',
    modules: ['ocfs2', 'loop'],
    commands: [
      `mkdir -p ${DIRECTORIES['ocfs2']}`,
      'truncate -s 256M /root/ocfs2.disk',
      'mkfs.ocfs2 -q -M local -N 1 --fs-features=local /root/ocfs2.disk',
      'losetup /dev/loop0 /root/ocfs2.disk',
      `mount -i -t ocfs2 /dev/loop0 ${DIRECTORIES['ocfs2']}`,
    ],
  },
  /** From a cluster in the guest: a monitor, a metadata server, and one storage daemon, which has all in its memory. */
  ceph: {
    // It depends on the other daemons.
    package: 'ceph-mds',
    guest: 'ceph',
    modules: ['ceph'],
    commands: [
      `mkdir -p ${DIRECTORIES['ceph']} /run/ceph /var/lib/ceph/mon/ceph-a /var/lib/ceph/osd/ceph-0 /var/lib/ceph/mds/ceph-a`,
      LOOPBACK_UP,
      `printf '%s\\n' ${CEPH_SETTINGS.map((each) => `'${each}'`).join(' ')} >/etc/ceph/ceph.conf`,
      'ceph-mon -i a --mkfs',
      'ceph-mon -i a',
      // One start of a slow program for all of them.
      `printf '%s\\n' ${CEPH_COMMANDS.map((each) => `'${each}'`).join(' ')} | ceph`,
      `ceph-osd -i 0 --mkfs --osd-uuid ${CEPH_OSD}`,
      'ceph-osd -i 0',
      'ceph-mds -i a',
      CEPH_MOUNT,
      `grep -q ' ${DIRECTORIES['ceph']} ceph ' /proc/mounts`,
    ],
    comesLate: {
      away: `umount ${DIRECTORIES['ceph']} && /rmwatch/busybox rmmod ceph`,
      back: `/rmwatch/busybox insmod /rmwatch/modules/ceph.ko && ${CEPH_MOUNT}`,
    },
  },
};
