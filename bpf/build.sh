#!/bin/sh
# Compiles BPF programs: build.sh SOURCE OUTPUT [COMPILER FLAG...]
# The newest clang that is installed is taken unless CLANG names one; 14 is the oldest that was tried.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
source=$1
output=$2
shift 2
if [ -z "${CLANG:-}" ]; then
  for version in 19 18 17 16 15 14 ''; do
    CLANG=clang${version:+-$version}
    command -v "$CLANG" >/dev/null && break
  done
fi
case $(uname -m) in
  x86_64) arch=x86 ;;
  *) echo "rmwatch runs on x86-64 only, this is $(uname -m)" >&2; exit 1 ;;
esac
mkdir -p "$(dirname -- "$output")"
"$CLANG" -target bpf "-D__TARGET_ARCH_$arch" "-I/usr/include/$(uname -m)-linux-gnu" -mcpu=v3 -O2 -g \
  -Wall -Wextra -Werror -Wno-unused-parameter "$@" -c "$here/$source" -o "$output"
# DWARF is for nobody; BTF stays.
"llvm-strip${CLANG#clang}" -g "$output"
# Included where the object is embedded, so that a changed object is embedded again.
printf '// %s\n' "$(sha256sum <"$output")" >"$output.h"
