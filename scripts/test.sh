#!/bin/sh
# npm test: set-up, checks, then all tests. Arguments go to vitest.
set -eu
cd "$(dirname -- "$0")/.."
if [ "$(id -u)" != 0 ]; then
  echo "rmwatch: the tests need root. Run this: $(scripts/as-root.sh npm test)" >&2
  exit 4
fi
scripts/setup.sh --tests
scripts/check.sh
exec node_modules/.bin/vitest run "$@"
