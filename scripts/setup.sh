#!/bin/sh
# Makes a fresh Debian or Ubuntu ready: system packages, npm packages, build. What is there already is left alone.
#   setup.sh            what building and running needs
#   setup.sh --tests    and what the checks and tests need
#   setup.sh --bench    and what the bench compares with, and builds its own programs with
# Everything is reported on stderr, because stdout belongs to what is started afterwards.
set -eu
cd "$(dirname -- "$0")/.."

say() { printf 'rmwatch: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Runs a step quietly; its output is shown only when it fails.
step() {
  log=$(mktemp)
  if "$@" >"$log" 2>&1 </dev/null; then
    rm -f "$log"
  else
    cat "$log" >&2
    rm -f "$log"
    die "failed: $*"
  fi
}

[ "$(uname -s)" = Linux ] || die "runs on Linux only, this is $(uname -s)"
[ "$(uname -m)" = x86_64 ] || die "runs on x86-64 only, this is $(uname -m)"
{ command -v node && command -v npm; } >/dev/null || die 'needs Node.js 20 or newer with npm, and cannot find them'

# Two set-ups of one checkout at once would remove each other's files.
exec 9<package-lock.json
flock --nonblock 9 || { say 'waiting for another set-up of this checkout'; flock 9; }

# In words of old JavaScript, so that an old Node.js can say so itself.
npm_packages=$(node -e '
  var packages = function (file) { return JSON.parse(require("fs").readFileSync(file, "utf8")).packages; };
  var state = function () {
    if (parseInt(process.versions.node, 10) < 20) return "old " + process.version;
    var wanted = packages("package-lock.json"), installed;
    try { installed = packages("node_modules/.package-lock.json"); } catch (error) { return "stale"; }
    var isStale = function (name) {
      return installed[name] ? installed[name].version !== wanted[name].version : !wanted[name].optional;
    };
    return Object.keys(wanted).some(function (name) { return name !== "" && isStale(name); }) ? "stale" : "current";
  };
  console.log(state());
')
case $npm_packages in old*) die "needs Node.js 20 or newer, this is ${npm_packages#old }" ;; esac

# System packages. Commands and headers are looked for, not packages: they may have come in another way.
missing=
miss() { missing="$missing${missing:+ }$*"; }
libbpf_header=/usr/include/bpf/libbpf_version.h
has_libbpf() { grep -q 'LIBBPF_MAJOR_VERSION  *[1-9]' "$libbpf_header" 2>/dev/null; }

command -v make >/dev/null || miss make
command -v g++ >/dev/null || miss g++
# python3-minimal is not enough for node-gyp.
python3 -c 'import multiprocessing' 2>/dev/null || miss python3
has_libbpf || miss libbpf-dev

# The compiler that bpf/build.sh will take, and llvm-strip of the same version.
need_clang=
if [ -z "${CLANG:-}" ]; then
  clang=
  for version in -19 -18 -17 -16 -15 -14 ''; do
    command -v "clang$version" >/dev/null && { clang=clang$version; break; }
  done
  if [ -z "$clang" ]; then
    need_clang=1
  elif ! command -v "llvm-strip${clang#clang}" >/dev/null; then
    miss "llvm${clang#clang}"
  fi
fi

# The style of native/ and bpf/ is that of one version of clang-format, its static analysis that of one clang-tidy.
# The shell scripts are checked by shellcheck, the packages by lintian, the service by systemd-analyze; tmux
# is the terminal of the tests. Where apt has them
# not, the checks and tests say what they skip. Guest kernels come from Debian's archive, their filesystems are made here.
optional=
if [ "${1:-}" = --tests ]; then
  command -v clang-format-19 >/dev/null || optional='clang-format-19'
  command -v clang-tidy-19 >/dev/null || optional="$optional clang-tidy-19"
  command -v shellcheck >/dev/null || optional="$optional shellcheck"
  command -v lintian >/dev/null || optional="$optional lintian"
  command -v systemd-analyze >/dev/null || optional="$optional systemd"
  command -v tmux >/dev/null || optional="$optional tmux"
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || miss debian-archive-keyring
  command -v openssl >/dev/null || miss openssl
  for filesystem in ext4:e2fsprogs btrfs:btrfs-progs xfs:xfsprogs vfat:dosfstools; do
    PATH=$PATH:/usr/sbin:/sbin command -v "mkfs.${filesystem%:*}" >/dev/null || miss "${filesystem#*:}"
  done
fi

# auditd is not among them: it is measured in a guest only, because it takes over the rules of a whole machine.
if [ "${1:-}" = --bench ]; then
  command -v bpftrace >/dev/null || miss bpftrace
  command -v inotifywait >/dev/null || miss inotify-tools
  command -v fatrace >/dev/null || miss fatrace
  command -v jq >/dev/null || miss jq
  command -v mkfs.ext4 >/dev/null || [ -x /sbin/mkfs.ext4 ] || miss e2fsprogs
  { [ -e /usr/lib/x86_64-linux-gnu/libelf.a ] && [ -e /usr/lib/x86_64-linux-gnu/libz.a ]; } || miss libelf-dev zlib1g-dev
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || miss debian-archive-keyring
fi

candidate() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p' | grep -v '(none)'; }
installable() { apt-get install --simulate --no-install-recommends "$@" >/dev/null 2>&1; }

if [ -n "$missing$need_clang" ]; then
  wanted="$missing${need_clang:+ clang llvm}"
  command -v apt-get >/dev/null ||
    die "there is no apt-get here. Install what these packages of Debian hold, then run this again: $wanted"
  if [ "$(id -u)" != 0 ]; then
    say "system packages are missing ($wanted). Run this first: $(scripts/as-root.sh npm run setup)"
    exit 4
  fi
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && [ -n "$missing$need_clang$optional" ]; then
  export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
  if [ -n "$missing$need_clang" ] || [ -z "$(candidate make)" ]; then
    say 'updating the package lists of apt'
    apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 update </dev/null >&2 || say 'apt-get update failed, going on with the lists there are'
  fi
  if [ -n "$need_clang" ]; then
    for version in -19 -18 -17 -16 -15 -14 ''; do
      installable "clang$version" "llvm$version" && { miss "clang$version" "llvm$version"; break; }
    done
    case $missing in *clang*) ;; *) die 'apt offers no clang with llvm: look at its sources' ;; esac
  fi
  case $(candidate libbpf-dev) in
    0.* | *:0.*)
      has_libbpf || die "needs libbpf 1.0 or newer; this system has $(candidate libbpf-dev). Debian 12, Ubuntu 24.04 and newer will do" ;;
  esac
  for package in $optional; do
    if installable "$package"; then miss "$package"; fi
  done
  if [ -n "$missing" ]; then
    say "installing system packages: $missing"
    # shellcheck disable=SC2086 # a list of names
    step apt-get install -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 --no-install-recommends $missing
  fi
fi
# ausearch reads a log without auditd: to install its package would start that.
if [ "${1:-}" = --bench ] && [ ! -d build/bench/audit ] && [ -n "$(candidate auditd)" ]; then
  say 'unpacking ausearch'
  libauparse=libauparse0
  [ -z "$(candidate libauparse0t64)" ] || libauparse=libauparse0t64
  rm -rf build/bench/audit.new
  mkdir -p build/bench/audit.new
  # As another user apt could not write here.
  if (cd build/bench/audit.new && step apt-get download -o APT::Sandbox::User=root auditd "$libauparse"); then
    for package in build/bench/audit.new/*.deb; do dpkg-deb --extract "$package" build/bench/audit.new; done
    mv build/bench/audit.new build/bench/audit
  else
    say 'ausearch cannot be fetched: the bench goes on without it'
  fi
fi
has_libbpf || die "needs libbpf 1.0 or newer; $libbpf_header is of an older one. Debian 12, Ubuntu 24.04 and newer will do"

if [ "$npm_packages" = stale ]; then
  say 'installing npm packages'
  step npm ci --include=dev --no-audit --no-fund
fi

scripts/build.sh
