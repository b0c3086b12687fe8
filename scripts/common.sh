# Shared by the scripts beside it: steps with progress and a log. Source it from a script that has `set -euo pipefail`.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$top/.cache
log=$cache/$(basename "$0").log
mkdir -p "$cache"
: >"$log"
cd "$top"
export PATH=$cache/node/bin:$PATH
# The same objects for checkouts in different folders.
export CCACHE_BASEDIR=$top CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-10G}

say() { printf '%s\n' "$*" | tee -a "$log"; }

# step TITLE COMMAND…: runs it with its output in the log; a line when it begins, one a minute while it runs, and one when it ends.
# On failure it shows the end of the output and stops the script.
step() {
  local title=$1 begun=$SECONDS begin_byte code=0 ticker
  shift
  say "$(date +%H:%M:%S)  … $title"
  begin_byte=$(stat -c %s "$log")
  (
    while sleep 60; do
      printf '%s    %s\n' "$(date +%H:%M:%S)" "$(tail -n 1 "$log" | tr -d '\r' | cut -c1-120)"
    done
  ) &
  ticker=$!
  # In the background, because errexit is off in whatever stands left of "||".
  (
    set -euo pipefail
    "$@"
  ) >>"$log" 2>&1 </dev/null &
  wait $! || code=$?
  kill "$ticker" 2>/dev/null && wait "$ticker" 2>/dev/null || true
  if [ "$code" -ne 0 ]; then
    tail -c "+$((begin_byte + 1))" "$log" | tail -n 100
    say "$(date +%H:%M:%S)  FAILED $title (exit $code, $((SECONDS - begun)) s). The whole log: ${log#"$top"/}"
    exit "$code"
  fi
  say "$(date +%H:%M:%S)  ok $title ($((SECONDS - begun)) s)"
}
