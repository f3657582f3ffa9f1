#!/rmwatch/busybox sh
# shellcheck shell=dash
# First process of a guest: mounts, modules, disks; then the command, either here or in the root file system of a disk.
# /rmwatch/guest.conf, written for every run, holds the variables in capitals.
# shellcheck source=/dev/null
. /rmwatch/guest.conf
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1

# The results channel must carry bytes as they are written.
stty -F /dev/ttyS1 raw -echo

# What could not be prepared; the command is not run then.
export setup_failed=
for module in $MODULES; do
  insmod "/rmwatch/modules/$module.ko" || setup_failed="$setup_failed module-$module"
done

# Disks are namespaces of one NVMe controller; only the namespace id is stable, the kernel may number nodes differently.
disk_by_id() {
  tries=0
  while [ "$tries" -lt 200 ]; do
    for node in /sys/class/block/nvme*; do
      name=${node##*/}
      # Multipath nodes such as nvme0c0n1 carry the id too, but have no device file.
      [ -b "/dev/$name" ] && [ "$(cat "$node/nsid")" = "$1" ] && { echo "/dev/$name"; return 0; }
    done
    tries=$((tries + 1))
    usleep 50000
  done
  return 1
}
mkdir -p /dev/rmwatch
for disk in $DISKS; do
  node=$(disk_by_id "${disk%%:*}") || setup_failed="$setup_failed disk-${disk##*:}"
  ln -s "$node" "/dev/rmwatch/${disk##*:}"
done

target=
if [ -n "$ROOT" ]; then
  target=/newroot
  mkdir -p "$target"
  mount -t ext4 /dev/rmwatch/root "$target" || {
    setup_failed="$setup_failed root"
    exec sh /rmwatch/run-command.sh mount
  }
  cp -a /overlay/. "$target/"
  mkdir -p "$target/rmwatch"
  cp -a /rmwatch/busybox /rmwatch/run-command.sh /rmwatch/command.sh /rmwatch/guest.conf "$target/rmwatch/"
  [ -z "$MODULES" ] || cp -a /rmwatch/modules "$target/rmwatch/"
  # systemd does not hand its own environment on to services.
  echo "setup_failed='$setup_failed'" >>"$target/rmwatch/guest.conf"
  mount --move /proc "$target/proc"
  mount --move /sys "$target/sys"
  mount --move /dev "$target/dev"
  [ "$ROOT" = systemd ] && exec switch_root "$target" /lib/systemd/systemd
  exec switch_root "$target" /rmwatch/busybox sh /rmwatch/run-command.sh mount
fi
exec sh /rmwatch/run-command.sh mount
