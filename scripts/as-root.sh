#!/bin/sh
# Prints the line that runs a command as root with the Node.js of this shell: as-root.sh npm start
set -eu
case $(command -v node) in
  /usr/bin/node | /usr/local/bin/node) path= ;;
  # sudo does not search the caller's PATH.
  *) path="env PATH=\"$(dirname -- "$(command -v node)"):\$PATH\" " ;;
esac
if command -v sudo >/dev/null; then
  printf 'sudo %s%s\n' "$path" "$*"
else
  printf "su -c '%s%s'\n" "$path" "$*"
fi
