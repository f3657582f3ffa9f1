/** The two packages: one for hosts that have Node.js 20 or newer, one that brings its own. */

const SYSUSERS = 'systemd | systemd-standalone-sysusers | systemd-sysusers';

export const FLAVOURS = {
  plain: {
    name: 'rmwatch',
    other: 'rmwatch-bundled',
    bundlesNode: false,
    depends: ({ glibc }) => [`libc6 (>= ${glibc})`, 'nodejs (>= 20)', SYSUSERS],
    remark: 'This package uses the Node.js of the host, version 20 or newer.',
  },
  bundled: {
    name: 'rmwatch-bundled',
    other: 'rmwatch',
    bundlesNode: true,
    // The official builds of Node.js link the two libraries of the compiler; Debian 12 is far beyond what they ask for.
    depends: ({ glibc }) => [`libc6 (>= ${glibc})`, 'libgcc-s1', 'libstdc++6', SYSUSERS],
    provides: (version) => `rmwatch (= ${version})`,
    remark: 'This package carries a Node.js of its own and needs none on the host.',
  },
};

/** The control file, deb-control(5). */
export function controlFile(flavour, { version, maintainer, installedKiB, glibc }) {
  const fields = {
    Package: flavour.name,
    Version: version,
    Architecture: 'amd64',
    Maintainer: maintainer,
    'Installed-Size': installedKiB,
    Depends: flavour.depends({ glibc }).join(', '),
    Recommends: 'logrotate',
    Provides: flavour.provides?.(version),
    Conflicts: flavour.other,
    Replaces: flavour.other,
    Section: 'admin',
    Priority: 'optional',
    Description: [
      'reports deleted files, and who deleted them',
      ' rmwatch hooks the Linux kernel with eBPF and writes one line of JSON for each',
      ' deleted file or directory of the host: path, process, user, container and',
      ' result. It counts deletions for Prometheus. Every deletion that it sees and',
      ' that is wanted is either reported or counted as lost.',
      ' .',
      ` ${flavour.remark}`,
    ].join('\n'),
  };
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}
