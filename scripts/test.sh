#!/bin/sh
# test.sh test: npm test, an answer in ten minutes. test.sh matrix ...: npm run test:matrix, everything else.
# Both set the machine up first.
set -eu
cd "$(dirname -- "$0")/.."
command=$1
shift
if [ "$(id -u)" != 0 ]; then
  case $command in test) line='npm test' ;; *) line="npm run test:$command" ;; esac
  echo "rmwatch: the tests need root. Run this: $(scripts/as-root.sh "$line")" >&2
  exit 4
fi
began=$(date +%s)
scripts/setup.sh --tests
[ "$command" != test ] || set -- "$(($(date +%s) - began))"
exec node --import ./test/lib/typescript.mjs "test/run/$command.ts" "$@"
