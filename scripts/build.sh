#!/bin/sh
# Builds what is out of date: the BPF programs and the addon into build/, the TypeScript into dist/. `build.sh native` leaves
# out the TypeScript, which may need constants that are yet to be generated from the addon.
set -eu
cd "$(dirname -- "$0")/.."

say() { printf 'rmwatch: %s\n' "$*" >&2; }

# fresh STAMP INPUT...: nothing among the inputs is newer than the stamp.
fresh() {
  stamp=$1
  shift
  [ -e "$stamp" ] && [ -z "$(find "$@" -newer "$stamp" -print -quit)" ]
}

# A stamp bears the time at which its step started: what is changed meanwhile is built next time.
begin() { mkdir -p build && touch "$1.begun"; }
finish() { mv "$1.begun" "$1"; }

# The headers of the running Node.js when they lie beside it; otherwise node-gyp downloads them.
# shellcheck disable=SC2016 # JavaScript
headers=$(node -p '
  const include = path.join(path.dirname(fs.realpathSync(process.execPath)), "../include/node");
  const major = new RegExp(`NODE_MAJOR_VERSION ${parseInt(process.versions.node, 10)}\\b`);
  const version = path.join(include, "node_version.h");
  fs.existsSync(version) && major.test(fs.readFileSync(version, "utf8")) ? path.join(include, "../..") : process.version
')

configure() {
  say 'configuring the build of the addon'
  set -- configure
  case $headers in /*) set -- "$@" "--nodedir=$headers" ;; esac
  log=build/configure.log
  node_modules/.bin/node-gyp "$@" >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    say 'node-gyp could not configure the build'
    exit 1
  }
}

build_native() {
  # Objects that depend on headers of another Node.js cannot be brought up to date when those are gone.
  [ "$(cat build/headers 2>/dev/null)" = "$headers" ] || rm -rf build
  begin build/native
  printf '%s\n' "$headers" >build/headers
  sources=$(ls binding.gyp native/*.cc bpf/*.c bpf/*.h)
  if [ "$(cat build/sources 2>/dev/null)" != "$sources" ] || ! fresh build/Makefile binding.gyp; then
    configure
    printf '%s\n' "$sources" >build/sources
  fi
  say 'building the BPF programs and the addon'
  # Commands go to the log; warnings and errors of the compilers are seen.
  make -C build BUILDTYPE=Release "-j$(nproc)" >build/make.log </dev/null || {
    say 'the build failed, its commands are in build/make.log'
    exit 1
  }
  finish build/native
}

build_typescript() {
  say 'compiling the TypeScript'
  begin build/typescript
  rm -rf build/js
  node_modules/.bin/tsc --outDir build/js
  # What the page sends to browsers goes as it is.
  mkdir build/js/page/assets
  cp src/page/assets/page.* build/js/page/assets/
  # As a whole, so that nothing remains of a source that is gone, and a failed build leaves the last good one.
  rm -rf dist
  mv build/js dist
  finish build/typescript
}

if [ "$(cat build/headers 2>/dev/null)" != "$headers" ] || [ ! -e build/Release/rmwatch.node ] ||
  ! fresh build/native native bpf binding.gyp scripts/build.sh node_modules/node-addon-api/package.json; then
  build_native
fi
if [ "${1:-}" = native ]; then
  :
elif [ ! -e dist/main.js ] || ! fresh build/typescript src tsconfig.json package.json node_modules/typescript/package.json; then
  build_typescript
fi
