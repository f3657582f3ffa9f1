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
  const runtime = [...cgroup.matchAll(/(?:^|[/:-])([0-9a-f]{64})(?=\.scope|\/|$)/g)].at(-1);
  if (runtime) return runtime[1];
  const nspawn = /\/(?:machine-([^/]+)\.scope|systemd-nspawn@([^/]+)\.service)(?=\/|$)/.exec(cgroup);
  const name = nspawn?.[1] ?? nspawn?.[2];
  return name === undefined ? undefined : unescapeUnitName(name);
}

/** systemd writes other bytes than letters, digits, ':', '_' and '.' as "\xNN" (systemd-escape(1)). */
function unescapeUnitName(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
