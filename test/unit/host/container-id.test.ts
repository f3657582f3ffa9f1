import { describe, expect, it } from 'vitest';
import { applicationOf, containerIdOf } from '../../../src/host/container-id.js';

const ID = '0123456789abcdef'.repeat(4);
const OTHER = 'fedcba9876543210'.repeat(4);
const POD = '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2b8f8d6a_2c3e_4b8e_9d0c_1f2e3d4c5b6a.slice';

describe('containerIdOf', () => {
  it.each([
    ['Docker with cgroupfs', `/docker/${ID}`],
    ['Docker with systemd', `/system.slice/docker-${ID}.scope`],
    ['Docker without root', `/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${ID}.scope`],
    ['a process that has cgroups of its own in Docker', `/system.slice/docker-${ID}.scope/init.scope`],
    ['containerd with systemd', `${POD}/cri-containerd-${ID}.scope`],
    ['containerd with cgroupfs', `/kubepods/burstable/pod2b8f8d6a-2c3e-4b8e-9d0c-1f2e3d4c5b6a/${ID}`],
    [
      'containerd in the form of runc',
      `/system.slice/containerd.service/${POD.split('/').at(-1)}:cri-containerd:${ID}`,
    ],
    ['CRI-O', `${POD}/crio-${ID}.scope`],
    ['CRI-O with a cgroup inside', `${POD}/crio-${ID}.scope/container`],
    ['CRI-O with cgroupfs', `/kubepods/besteffort/pod2b8f8d6a/crio-${ID}`],
    ['Podman', `/machine.slice/libpod-${ID}.scope`],
    ['Podman with a cgroup inside', `/machine.slice/libpod-${ID}.scope/container`],
    ['Podman without root', `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope`],
    ['Podman with cgroupfs', `/libpod_parent/libpod-${ID}`],
    ['Podman in a unit of its own', `/system.slice/web.service/libpod-payload-${ID}`],
    ['Podman on a host of version 1', `/machine.slice/libpod-${ID}.scope`],
    ['nerdctl with systemd', `/system.slice/nerdctl-${ID}.scope`],
    ['nerdctl with cgroupfs', `/default/${ID}`],
    ['Docker below another cgroup', `/ecs/0123456789/${ID}`],
    ['Docker in Kubernetes', `${POD}/docker-${ID}.scope`],
    ['Docker in LXC', `/lxc.payload.web/system.slice/docker-${ID}.scope`],
    ['a container in a container', `/docker/${OTHER}/docker/${ID}`],
    ['a container in a container, of other runtimes', `/system.slice/docker-${OTHER}.scope${POD}/crio-${ID}.scope`],
    ['a container in an nspawn container', `/machine.slice/machine-box.scope/payload/system.slice/docker-${ID}.scope`],
    ['a host in a cgroup namespace of its own', `/../../docker/${ID}`],
  ])('knows %s', (_what, cgroup) => {
    expect(containerIdOf(cgroup)).toBe(ID);
  });

  it.each([
    ['a scope', '/machine.slice/machine-box.scope', 'box'],
    ['a scope with the payload inside', '/machine.slice/machine-box.scope/payload/init.scope', 'box'],
    ['a service', '/machine.slice/systemd-nspawn@box.service/payload', 'box'],
    ['a name with a dash', '/machine.slice/machine-debian\\x2d13.scope', 'debian-13'],
    ['a name with a dot', '/machine.slice/machine-a.example.scope', 'a.example'],
    ['one in another', '/machine.slice/machine-a.scope/payload/machine.slice/machine-b.scope/payload', 'b'],
    ['one in Docker', `/docker/${ID}/machine.slice/machine-b.scope/payload`, 'b'],
  ])('knows systemd-nspawn: %s', (_what, cgroup, id) => {
    expect(containerIdOf(cgroup)).toBe(id);
  });

  it.each([
    ['LXC, LXD and Incus', '/lxc.payload.web', 'web'],
    ['a service inside', '/lxc.payload.web/system.slice/nginx.service', 'web'],
    ['a project of LXD', '/lxc.payload.shop_web/init.scope', 'shop_web'],
    ['LXC without root', '/user.slice/user-1000.slice/user@1000.service/lxc.payload.web/init.scope', 'web'],
    ['LXC before 4.0', '/lxc/web', 'web'],
    ['Proxmox', '/lxc/101/ns/system.slice/nginx.service', '101'],
    ['one in another', '/lxc.payload.outer/lxc.payload.inner', 'inner'],
    ['the LXC driver of libvirt', '/machine.slice/machine-lxc\\x2d1234\\x2dweb.scope', 'lxc-1234-web'],
  ])('knows %s', (_what, cgroup, id) => {
    expect(containerIdOf(cgroup)).toBe(id);
  });

  it.each([
    ['the supervisor of systemd-nspawn', '/machine.slice/machine-box.scope/supervisor'],
    ['the monitor of LXC', '/lxc.monitor.web'],
    ['the monitor of LXC in Proxmox', '/lxc.monitor/101'],
    ['what LXC itself runs in', '/lxc'],
    ['Flatpak', '/user.slice/user-1000.slice/user@1000.service/app.slice/app-flatpak-org.gnome.Maps-4242.scope'],
    ['Snap', '/system.slice/snap.lxd.daemon.service'],
    ['the root', ''],
    ['a session', '/user.slice/user-1000.slice/session-3.scope'],
    ['a service', '/system.slice/cron.service'],
    ['a pod without a container', POD],
    ['an id that is too short', `/docker/${ID.slice(1)}`],
    ['an id that is too long', `/docker/${ID}0`],
    ['an id in capitals', `/docker/${ID.toUpperCase()}`],
    ['an id inside a name', `/system.slice/x${ID}.service`],
    ['a service that is named after an id', `/system.slice/app-${ID}.service`],
    ['the monitor of Podman, which runs on the host', `/machine.slice/libpod-conmon-${ID}.scope`],
    ['the monitor of CRI-O, which runs on the host', `/system.slice/crio-conmon-${ID}.scope`],
    ['a virtual machine of libvirt, which is a process of the host', '/machine.slice/machine-qemu\\x2d1\\x2dvm.scope'],
    ['a virtual machine with cgroups inside', '/machine.slice/machine-qemu\\x2d12\\x2da\\x2db.scope/libvirt/emulator'],
  ])('sees no container in %s', (_what, cgroup) => {
    expect(containerIdOf(cgroup)).toBeUndefined();
  });
});

describe('applicationOf', () => {
  const USER = '/user.slice/user-1000.slice/user@1000.service/app.slice';

  it.each([
    [`${USER}/app-flatpak-org.gnome.Maps-4242.scope`, 'flatpak', 'org.gnome.Maps'],
    [`${USER}/flatpak-org.gnome.Maps-4242.scope`, 'flatpak', 'org.gnome.Maps'],
    [`${USER}/app-flatpak-org.a\\x2db.C-4242.scope`, 'flatpak', 'org.a-b.C'],
    [`${USER}/snap.firefox.firefox-2b8f8d6a-2c3e-4b8e-9d0c-1f2e3d4c5b6a.scope`, 'snap', 'firefox'],
    [`${USER}/snap.code_two.code.2b8f8d6a-2c3e-4b8e-9d0c-1f2e3d4c5b6a.scope`, 'snap', 'code_two'],
    ['/system.slice/snap.lxd.daemon.service', 'snap', 'lxd'],
  ])('knows %s', (cgroup, type, id) => {
    expect(applicationOf(cgroup)).toEqual({ type, id });
  });

  it.each(['', '/system.slice/cron.service', '/system.slice/snapd.service', `${USER}/app-gnome-x-1.scope`])(
    'sees none in %j',
    (cgroup) => {
      expect(applicationOf(cgroup)).toBeUndefined();
    },
  );
});
