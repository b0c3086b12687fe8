#!/usr/bin/env bash
# fuzz.sh [SECONDS [NAME…]]: builds the fuzzers and runs each of them, or those named, for SECONDS (60), two at a time; a corpus in
# tests/fuzz/NAME, when there is one, is where it begins.
# What a fuzzer breaks on is left in build/fuzz/findings. Ends with a line that counts.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
cmake --preset fuzz && cmake --build --preset fuzz || exit 1
mkdir -p build/fuzz/findings build/fuzz/corpora

run_one() {
  local program=$1 name
  name=$(basename "$program")
  mkdir -p "build/fuzz/corpora/$name"
  local seeds=()
  [ -d "tests/fuzz/$name" ] && seeds=("tests/fuzz/$name")
  if "$program" -max_total_time="$2" -rss_limit_mb=4096 -timeout=20 -artifact_prefix="build/fuzz/findings/$name-" \
    "build/fuzz/corpora/$name" "${seeds[@]}" >"build/fuzz/findings/$name.log" 2>&1; then
    echo "ok $name: $(sed -nE 's/^Done ([0-9]+) runs.*/\1/p' "build/fuzz/findings/$name.log") runs"
  else
    echo "FAILED $name: see build/fuzz/findings/$name.log"
  fi
}
export -f run_one
programs=("${@/#/build/fuzz/bin/}")
[ $# -gt 0 ] || mapfile -t programs < <(find build/fuzz/bin -name '*_fuzz' | sort)
results=$(printf '%s\n' "${programs[@]}" | xargs -P 2 -I{} bash -c "run_one {} $seconds" | tee >(cat >&2))
bad=$(grep -c '^FAILED' <<<"$results" || true)
echo "$(($(wc -l <<<"$results") - bad)) passed, $bad failed"
[ "$bad" -eq 0 ]
