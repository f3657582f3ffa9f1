#!/bin/sh
# Formats, lint and types of everything: check.sh reports, check.sh --write formats what can be formatted.
set -u
cd "$(dirname -- "$0")/.." || exit
failed=0
clang_format=
for command in clang-format-19 clang-format; do
  case $("$command" --version 2>/dev/null) in
    *'version 19.'*) clang_format=$command && break ;;
  esac
done

if [ "${1:-}" = --write ]; then
  node_modules/.bin/biome check --write || failed=1
  set -- -i
else
  node_modules/.bin/biome check --error-on-warnings || failed=1
  node_modules/.bin/tsc --noEmit || failed=1
  node_modules/.bin/tsc -p test || failed=1
  # What runs in browsers.
  node_modules/.bin/tsc -p src/page/assets || failed=1
  # Every shell script, and the file that two of them read.
  if command -v shellcheck >/dev/null; then
    grep -rlZE '^#!.*[/ ](ba)?sh$' .ci bpf packaging scripts test/guest | xargs -0 shellcheck -x scripts/node-command.sh || failed=1
  else
    echo 'rmwatch: there is no shellcheck here, the shell scripts are not checked' >&2
  fi
  set -- --dry-run --Werror
fi
if [ -n "$clang_format" ]; then
  "$clang_format" "$@" native/*.cc native/*.h test/sanitize/*.cc bpf/*.c bpf/*.h || failed=1
else
  # Other versions format otherwise.
  echo 'rmwatch: there is no clang-format 19 here, the format of native/ and bpf/ is not checked' >&2
fi
exit $failed
