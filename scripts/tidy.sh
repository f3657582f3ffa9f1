#!/bin/sh
# Static analysis of native/ by clang-tidy, with the flags of the build; .clang-tidy has the checks.
set -eu
cd "$(dirname -- "$0")/.."

for command in clang-tidy-19 clang-tidy; do
  case $("$command" --version 2>/dev/null) in
    *'version 19.'*) break ;;
  esac
  command=
done
[ -n "$command" ] || {
  echo 'rmwatch: there is no clang-tidy 19 here: run npm run setup as root' >&2
  exit 69
}
scripts/build.sh
# Where headers are, what is defined, and the standard: from what make would run. One flag a line, as clang-tidy reads them.
mkdir -p build/tidy
make -s -C build -n -B BUILDTYPE=Release | grep -m 1 ' \.\./native/probe\.cc ' | grep -oE "'-D[^']*'| -I[^ ]+| -std=[^ ]+" |
  sed -e "s/^'\(.*\)'\$/\1/" -e 's/^ //' -e "s|^-I\.\./|-I$PWD/|" >build/tidy/compile_flags.txt
printf '%s\0' native/*.cc | xargs -0 -n 4 -P "$(nproc)" "$command" --quiet -p build/tidy
