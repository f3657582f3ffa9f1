#!/rmwatch/busybox sh
# shellcheck shell=dash
# Runs the guest's command, reports its exit code and switches the machine off. With "mount" as argument the usual file
# systems are mounted first; under systemd they already are.
# shellcheck source=/dev/null
. /rmwatch/guest.conf
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
bb=/rmwatch/busybox

if [ "$1" = mount ]; then
  $bb mkdir -p /dev/pts /dev/shm /tmp /run
  $bb mount -t devpts -o gid=5,mode=620 devpts /dev/pts
  $bb mount -t tmpfs -o mode=1777 tmpfs /dev/shm
  $bb mount -t tmpfs -o mode=1777 tmpfs /tmp
  $bb mount -t tmpfs -o mode=755 tmpfs /run
  $bb mount -t cgroup2 cgroup2 /sys/fs/cgroup
  $bb mount -t securityfs securityfs /sys/kernel/security
  $bb mount -t debugfs debugfs /sys/kernel/debug
  $bb mount -t tracefs tracefs /sys/kernel/tracing
  $bb mount -t bpf -o mode=700 bpf /sys/fs/bpf
  $bb ip link set lo up
fi
$bb hostname rmwatch-guest

for mount in $MOUNTS; do
  device=${mount%%:*} rest=${mount#*:}
  $bb mkdir -p "${rest#*:}"
  $bb mount -t "${rest%%:*}" "/dev/rmwatch/$device" "${rest#*:}" || setup_failed="$setup_failed mount-$device"
done

export RMWATCH_RESULTS=/dev/ttyS1 RMWATCH_GUEST=1
read -r uptime _ </proc/uptime
echo "{\"rmwatchGuestStart\":$uptime}" >/dev/ttyS1
cd /root 2>/dev/null || cd /
if [ -n "$setup_failed" ]; then
  echo "guest: could not be prepared:$setup_failed" >/dev/console
  code=125
else
  # busybox's shell runs its own applets whatever PATH says; a Debian root has the real rm, and tests want that.
  if [ -n "$ROOT" ]; then shell=/bin/sh; else shell="$bb sh"; fi
  $shell /rmwatch/command.sh </dev/null >/dev/console 2>&1
  code=$?
fi

if [ -n "$OUTPUTS" ]; then
  # shellcheck disable=SC2086 # a list of paths without blanks, checked when it was written
  (cd / && $bb tar -cf /dev/rmwatch/outputs $OUTPUTS) || echo "guest: outputs are incomplete"
fi
# A kernel message can land in the middle of this line on the console, so the results channel decides. Setting a
# terminal's modes waits until everything written to it has left.
printf '\nRMWATCH-GUEST-EXIT %s\n' "$code" >/dev/console
printf '\n{"rmwatchGuestExit":%s}\n' "$code" >/dev/ttyS1
$bb stty -F /dev/ttyS1 raw -echo
$bb stty -F /dev/ttyS0 sane
$bb sync
$bb poweroff -f
