#!/usr/bin/env bash
# A NATS server with JetStream on this machine: the queue of `smets1 fleet worker`.
#
#   scripts/nats.sh start DIR [PORT]   on 127.0.0.1, port 4222 unless given; what it holds is in DIR
#   scripts/nats.sh stop DIR           ends the one that was started with DIR, by its pid
#
# A second start while it runs says so and succeeds. NATS_TOKEN_FILE=FILE: clients must show the token in that file.
set -euo pipefail

usage() {
  sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

[ $# -ge 2 ] || usage
command=$1
dir=$2
port=${3:-4222}
pid_file=$dir/nats-server.pid
log=$dir/nats-server.log

# A pid that was written before a crash may belong to somebody else by now: it must be a nats-server.
running_pid() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) || return 1
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = nats-server ] && echo "$pid"
}

start() {
  if pid=$(running_pid); then
    echo "nats: runs already (pid $pid)"
    exit 0
  fi
  command -v nats-server >/dev/null || {
    echo 'nats: nats-server is not installed; install it with: bash scripts/setup.sh nats-server' >&2
    exit 1
  }
  mkdir -p "$dir"
  : >"$log"
  local auth=()
  [ -z "${NATS_TOKEN_FILE:-}" ] || {
    # In a file, not on the command line, where everybody on this machine could read it.
    (umask 077 && printf 'authorization { token: "%s" }\n' "$(cat "$NATS_TOKEN_FILE")" >"$dir/nats-server.conf")
    auth=(-c "$dir/nats-server.conf")
  }
  setsid nats-server "${auth[@]}" -a 127.0.0.1 -p "$port" -js -sd "$dir/store" -P "$pid_file" >/dev/null 2>"$log" </dev/null &
  local started=$!
  for _ in $(seq 100); do
    if grep -q 'Server is ready' "$log"; then
      echo "nats: nats://127.0.0.1:$port (pid $(cat "$pid_file")); stop it with: $0 stop $dir"
      exit 0
    fi
    kill -0 "$started" 2>/dev/null || break
    sleep 0.1
  done
  echo "nats: it did not start:" >&2
  tail -n 5 "$log" >&2
  exit 1
}

stop() {
  pid=$(running_pid) || {
    echo "nats: none was started with $dir"
    exit 0
  }
  kill "$pid"
  for _ in $(seq 100); do
    running_pid >/dev/null || { echo "nats: stopped (pid $pid)"; exit 0; }
    sleep 0.1
  done
  echo "nats: pid $pid does not end; kill -9 $pid ends it, and costs nothing that was on disk" >&2
  exit 1
}

case "$command" in
  start) start ;;
  stop) stop ;;
  *) usage ;;
esac
