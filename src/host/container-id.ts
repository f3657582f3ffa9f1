/**
 * What a cgroup says of the process in it. The forms below are those that the runtimes' own sources make; `PARENT` stands for
 * whatever cgroup they are configured to use, which changes nothing here:
 *
 *   Docker, cgroupfs           PARENT/docker/ID                             moby: daemon/oci_linux.go, withCgroups
 *   Docker, systemd            PARENT.slice/docker-ID.scope                 the same
 *   containerd, nerdctl        PARENT.slice/nerdctl-ID.scope, /default/ID   nerdctl: pkg/cmd/container, cgroupPath
 *   Kubernetes, cgroupfs       /kubepods/QOS/podUID/ID                      kubelet: cm/cgroup_manager_linux.go
 *   Kubernetes, systemd        …-podUID.slice/cri-containerd-ID.scope       containerd: internal/cri, getCgroupsPath
 *     in the form of runc      …-podUID.slice:cri-containerd:ID             the same, where runc does not use systemd
 *   CRI-O                      …/crio-ID.scope, …/crio-ID                   cri-o: internal/config/cgmgr
 *   Podman                     …/libpod-ID.scope, …/libpod-ID               podman: libpod/container_internal_linux.go
 *     of a unit of its own     …/UNIT.service/libpod-payload-ID             the same, --cgroups=split
 *   systemd-nspawn             /machine.slice/machine-NAME.scope/payload    systemd: src/nspawn/nspawn-register.c
 *     as a service             …/systemd-nspawn@NAME.service/payload        systemd: units/systemd-nspawn@.service
 *   libvirt, LXC driver        /machine.slice/machine-lxc\x2dN\x2dNAME.scope  libvirt: src/util/virsystemd.c
 *   LXC, LXD, Incus            …/lxc.payload.NAME                           lxc: src/lxc/cgroups/cgfsng.c, from 4.0 on
 *   LXC before 4.0, Proxmox    …/lxc/NAME                                   lxc: the same; pve-container: src/PVE/LXC.pm
 *   Flatpak                    …/app-flatpak-APP-N.scope, …/flatpak-APP-N.scope   flatpak: common/flatpak-run.c
 *   Snap                       …/snap.NAME.APP-UUID.scope, …/snap.NAME.APP.service   snapd: sandbox/cgroup/tracking.go
 *
 * Without root the same names are below user@UID.service. A name of version 1 is that of version 2; on hybrid hosts the path
 * has to be that of a controller of version 1. Who may make cgroups may give them any of these names.
 */

/** Name of a runtime or nothing, and the id; but not the monitors of Podman and CRI-O, which run on the host. */
const RUNTIME = /^(?!.*\bconmon-)(?:.*[:-])?([0-9a-f]{64})(?:\.scope)?$/;
/** Virtual machines of libvirt are called alike, "qemu-NUMBER-NAME": no containers, but processes of the host. */
const NSPAWN = /^(?:machine-(?!qemu\\x2d\d+\\x2d)(.+)\.scope|systemd-nspawn@(.+)\.service)$/;
const LXC = /^lxc\.payload\.(.+)$/;
/** In a container of systemd-nspawn it is the program that runs it, on the host. */
const NSPAWN_SUPERVISOR = 'supervisor';

const FLATPAK = /^(?:app-)?flatpak-(.+)-\d+\.scope$/;
/** The first part is the name of the snap, which has neither dots nor underscores but for the key of an instance. */
const SNAP = /^snap\.([a-z0-9-]+(?:_[a-z0-9]+)?)\..+\.(?:scope|service)$/;

/** An application that is packed with what it needs, but is a program of the host and no container. */
export interface Application {
  readonly type: 'flatpak' | 'snap';
  /** `org.mozilla.firefox`, `firefox`. */
  readonly id: string;
}

/** The container that a cgroup path belongs to, by its id or, where it has none, its name; or undefined. */
export function containerIdOf(cgroup: string): string | undefined {
  const names = cgroup.split('/');
  // The innermost one counts: containers run inside containers.
  for (let at = names.length - 1; at >= 0; at--) {
    const name = names[at]!;
    const runtime = RUNTIME.exec(name);
    if (runtime) return runtime[1];
    const nspawn = NSPAWN.exec(name);
    // Its supervisor may itself run in a container.
    if (nspawn && names[at + 1] !== NSPAWN_SUPERVISOR) return unescapeUnitName((nspawn[1] ?? nspawn[2])!);
    const lxc = LXC.exec(name);
    if (lxc) return lxc[1];
    if (name !== '' && names[at - 1] === 'lxc') return name;
  }
  return undefined;
}

/** The application that a cgroup path belongs to; undefined for others, and inside a container. */
export function applicationOf(cgroup: string): Application | undefined {
  for (const name of cgroup.split('/').reverse()) {
    const flatpak = FLATPAK.exec(name);
    if (flatpak) return { type: 'flatpak', id: unescapeUnitName(flatpak[1]!) };
    const snap = SNAP.exec(name);
    if (snap) return { type: 'snap', id: snap[1]! };
  }
  return undefined;
}

/** systemd writes other bytes than letters, digits, ':', '_' and '.' as "\xNN" (systemd-escape(1)). */
function unescapeUnitName(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
