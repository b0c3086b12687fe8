# Shared by the scripts beside it: steps with progress and a log. Source it from a script that has `set -euo pipefail`.
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$top/.cache
log=$cache/$(basename "$0").log
mkdir -p "$cache"
: >"$log"
cd "$top"
export PATH=$cache/node/bin:$PATH

say() { printf '%s\n' "$*" | tee -a "$log"; }

# step TITLE COMMAND…: runs it with its output in the log; one line while it runs, one when it ends. On failure it
# shows the end of the output and stops the script.
step() {
  local title=$1 begun=$SECONDS begin_byte code=0
  shift
  say "$(printf '%s  … %s' "$(date +%H:%M:%S)" "$title")"
  begin_byte=$(stat -c %s "$log")
  "$@" >>"$log" 2>&1 </dev/null || code=$?
  if [ "$code" -ne 0 ]; then
    tail -c "+$((begin_byte + 1))" "$log" | tail -n 80
    say "$(date +%H:%M:%S)  FAILED $title (exit $code, $((SECONDS - begun)) s). The whole log: $log"
    exit "$code"
  fi
  say "$(date +%H:%M:%S)  ok $title ($((SECONDS - begun)) s)"
}
