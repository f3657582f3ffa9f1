#!/bin/sh
# npm start: set-up, then the daemon in the foreground in place of this shell, so that signals reach it.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
if [ "$(id -u)" != 0 ]; then
  echo "rmwatch: watching the kernel needs root. Run this: $("$here/as-root.sh" npm start)" >&2
  exit 4
fi
# Before the set-up, which runs Node.js as well.
# shellcheck source=scripts/node-command.sh
. "$here/node-command.sh"
"$here/setup.sh"
# Without options everything is shown here, also where an installed configuration has a file for the events.
[ $# -gt 0 ] || set -- --log stdout
exec_node node "$here/../dist/main.js" run "$@"
