#!/bin/sh
# npm start: set-up, then the daemon in the foreground in place of this shell, so that signals reach it.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ "$(id -u)" != 0 ]; then
  echo "rmwatch: watching the kernel needs root. Run this: $("$here/as-root.sh" npm start)" >&2
  exit 4
fi
"$here/setup.sh"
# The same memory limit as in the staged command.
exec node --max-semi-space-size=4 "$here/../dist/main.js" run "$@"
