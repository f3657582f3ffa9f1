#!/bin/sh
# Builds native/ with the sanitizers of GCC into build/sanitize: a copy of the tree whose addon has AddressSanitizer and
# UndefinedBehaviorSanitizer, and the program that has ThreadSanitizer.
set -eu
cd "$(dirname -- "$0")/.."

command -v g++ >/dev/null || {
  echo 'rmwatch: there is no g++ here: run npm run setup as root' >&2
  exit 69
}
scripts/build.sh
out=build/sanitize
tree=$out/tree
rm -rf "$out"
mkdir -p "$tree/build/Release" "$out/address" "$out/thread"

# Where headers are, what is defined, and the standard: from what make would run. Checks of the library's own would hide
# those of the sanitizers.
flags=$(make -s -C build -n -B BUILDTYPE=Release | grep -m 1 ' \.\./native/probe\.cc ' | grep -oE "'-D[^']*'| -I[^ ]+| -std=[^ ]+" |
  grep -v _FORTIFY_SOURCE | sed "s|-I\.\./|-I$PWD/|" | tr '\n' ' ')

# compile DIRECTORY SANITIZERS SOURCE...: an object of each source.
compile() {
  objects=$1
  sanitizers=$2
  shift 2
  printf '%s\n' "$@" | xargs -P "$(nproc)" -I '{}' sh -c "
    g++ $flags -O1 -g -fPIC -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=$sanitizers \
      -c '{}' -o '$objects/'\$(basename '{}' .cc).o"
}

compile "$out/address" address,undefined native/*.cc
g++ -shared -fsanitize=address,undefined -o "$tree/build/Release/rmwatch.node" "$out"/address/*.o -lbpf

# With what has nothing to do with JavaScript.
set -- test/sanitize/ring_threads.cc
for source in native/*.cc; do
  # shellcheck disable=SC2086 # words
  eval "g++ $flags -MM '$source'" | grep -qE '/(napi|uv)\.h' || set -- "$@" "$source"
done
compile "$out/thread" thread "$@"
g++ -fsanitize=thread -pthread -o "$out/ring_threads" "$out"/thread/*.o -lbpf

cp -R src dist bpf test vitest.config.ts package.json tsconfig.json "$tree"
ln -s ../../../node_modules "$tree/node_modules"
