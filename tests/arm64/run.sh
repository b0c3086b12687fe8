#!/usr/bin/env bash
# run.sh FOLDER: builds the engine's kernels for 64-bit ARM in FOLDER, and compares each version with its scalar twin on three
# processors that QEMU knows: one with NEON alone, one with dot products, one with 8-bit matrices.
set -euo pipefail
cd "$(dirname "$0")"
for program in qemu-aarch64 clang++-19 ninja; do
  command -v $program >/dev/null || { echo "no $program: install what scripts/packages.txt lists"; exit 1; }
done
[ -d /usr/aarch64-linux-gnu/include/c++ ] || { echo "no libstdc++ for aarch64: install libstdc++-12-dev-arm64-cross"; exit 1; }
cmake -G Ninja -S . -B "$1" >"$1.log" 2>&1 || { cat "$1.log"; exit 1; }
ninja -C "$1" -j2 >"$1.log" 2>&1 || { cat "$1.log"; exit 1; }
# The numbers are those of LinearIsa: 0 scalar, 5 NEON, 6 dot products, 7 matrices of 8 bits.
while read -r processor versions; do
  for fuzzer in linear_fuzz kernels_fuzz; do
    # shellcheck disable=SC2086
    result=$(qemu-aarch64 -cpu "$processor" "$1/$fuzzer" 30 $versions) || { echo "$fuzzer on $processor failed"; exit 1; }
    echo "$fuzzer on $processor: $result"
  done
done <<'END'
cortex-a72 0 5
neoverse-n1 0 5 6
max 0 5 6 7
END
