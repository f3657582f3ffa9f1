# shellcheck shell=sh
# How Node.js is started: scripts/start.sh reads this file, and scripts/stage.mjs copies it into usr/bin/rmwatch.

# These variables make Node.js load other code, open its inspector, or write files of its own.
unset NODE_OPTIONS NODE_PATH NODE_V8_COVERAGE NODE_INSPECT_RESUME_ON_START NODE_REDIRECT_WARNINGS NODE_COMPILE_CACHE \
  NODE_REPL_EXTERNAL_MODULE NODE_CHANNEL_FD NODE_UNIQUE_ID OPENSSL_CONF

# exec_node NODE PROGRAM ARGUMENT...: replaces this shell by the program.
exec_node() {
  node=$1
  shift
  # The young generation of the JavaScript heap is kept small: nearly nothing outlives its batch, and the default lets
  # it grow to 48 MB. SIGUSR1 makes Node.js open its inspector, through which any local user can run code as the daemon,
  # and not every version can be told not to. A link-local address without an interface can never be bound (EINVAL), so
  # the inspector does not come up, and the program goes on.
  exec "$node" --max-semi-space-size=4 '--inspect-port=[fe80::1]:9229' "$@"
}
