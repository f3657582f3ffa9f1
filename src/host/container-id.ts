/** Name of a runtime or nothing, and the id; but not the monitors of Podman and CRI-O, which run on the host. */
const RUNTIME = /^(?!.*\bconmon-)(?:.*[:-])?([0-9a-f]{64})(?:\.scope)?$/;
/** Virtual machines of libvirt are called alike, "qemu-NUMBER-NAME": no containers, but processes of the host. */
const NSPAWN = /^(?:machine-(?!qemu\\x2d\d+\\x2d)(.+)\.scope|systemd-nspawn@(.+)\.service)$/;

/**
 * The container that a cgroup path belongs to, or undefined. Known forms:
 *   Docker                /docker/ID, /system.slice/docker-ID.scope
 *   containerd (CRI)      …/cri-containerd-ID.scope, /kubepods/…/ID, …:cri-containerd:ID
 *   CRI-O                 …/crio-ID.scope
 *   Podman                …/libpod-ID.scope, …/libpod-ID
 *   systemd-nspawn        /machine.slice/machine-NAME.scope, …/systemd-nspawn@NAME.service
 */
export function containerIdOf(cgroup: string): string | undefined {
  // The innermost one counts: containers run inside containers.
  for (const name of cgroup.split('/').reverse()) {
    const runtime = RUNTIME.exec(name);
    if (runtime) return runtime[1];
    const nspawn = NSPAWN.exec(name);
    if (nspawn) return unescapeUnitName((nspawn[1] ?? nspawn[2])!);
  }
  return undefined;
}

/** systemd writes other bytes than letters, digits, ':', '_' and '.' as "\xNN" (systemd-escape(1)). */
function unescapeUnitName(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
