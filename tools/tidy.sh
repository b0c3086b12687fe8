#!/usr/bin/env bash
# clang-tidy on the sources that differ from main (uncommitted ones too), or on all with --all. Needs a configured build/dev.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --all ]; then
  files=$(git ls-files 'src/*.cc')
else
  files=$({ git diff --name-only --diff-filter=d main -- 'src/*.cc'; git ls-files -o --exclude-standard 'src/*.cc'; } | sort -u)
fi
[ -n "$files" ] || { echo "nothing differs from main"; exit 0; }
echo "$files" | xargs -P "$(nproc)" -n 1 clang-tidy-19 -p build/dev --quiet
