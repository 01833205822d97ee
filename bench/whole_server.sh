#!/usr/bin/env bash
# Compares the reference server with the floor: CPU per echoed message, and memory per idle connection, in one run.
# Server on core 0, load on core 1. Usage: whole_server.sh BUILD_DIR [MESSAGES]
set -euo pipefail
build=$1
messages=${2:-400000}
text='hello-hello-hello-hello-hello-he'
event='421["message-with-ack","hello-hello-hello-h"]'

start() {  # log file, command...: prints nothing, sets pid and port
  local log=$1
  : >"$log"
  shift
  taskset -c 0 "$@" >"$log" 2>&1 &
  pid=$!
  for _ in $(seq 100); do
    port=$(sed -n 's/.*http:\/\/127\.0\.0\.1:\([0-9]*\).*/\1/p' "$log" | head -n 1)
    [ -z "$port" ] || return 0
    kill -0 "$pid" || { cat "$log"; exit 1; }
    sleep 0.1
  done
  echo "no server after 10 s" && exit 1
}
load() { taskset -c 1 "$build/bench/bench-load" "$port" "$pid" "$@"; }
finish() { kill "$pid" && wait "$pid" 2>/dev/null || true; }

log=$(mktemp)
trap 'kill $pid 2>/dev/null || true; rm -f "$log"' EXIT
declare -A floor siokit
target='/socket.io/?EIO=4&transport=websocket'
ulimit -n "$(ulimit -Hn)"

start "$log" "$build/bench/bench-floor" 39990
for flight in 1 16; do floor[$flight]=$(load / 100 $flight "$messages" '' "$text" | cut -d' ' -f1); done
floor[idle]=$(load / 4000 1 0 '' "$text" | cut -d' ' -f1)
finish

start "$log" "$build/reference-server/siokit-server" --port 0 --log-level warn
for flight in 1 16; do siokit[$flight]=$(load "$target" 100 $flight "$messages" 40 "$event" | cut -d' ' -f1); done
finish
start "$log" "$build/reference-server/siokit-server" --port 0 --log-level warn --keep-handshake none
siokit[idle]=$(load "$target" 4000 1 0 40 "$event" | cut -d' ' -f1)
finish

printf '\n| work | floor | siokit | ratio |\n|---|---|---|---|\n'
for flight in 1 16; do
  printf '| acked event, 100 clients, %s in flight (us CPU) | %s | %s | %s |\n' "$flight" "${floor[$flight]}" \
    "${siokit[$flight]}" "$(awk "BEGIN {printf \"%.2f\", ${siokit[$flight]} / ${floor[$flight]}}")"
done
printf '| resident KiB per idle connection | %s | %s | |\n' "${floor[idle]}" "${siokit[idle]}"
