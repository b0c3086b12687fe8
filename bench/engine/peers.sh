#!/usr/bin/env bash
# Builds llama.cpp's bench programs and server for this machine into .cache/llama.cpp, from the sources inside the
# package llama-cpp-python. ik_llama.cpp is in no registry: build it by hand and give compare.py its folder.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
version=0.3.36
cache=$top/.cache/llama.cpp
if [ -x "$cache/bin/llama-server" ]; then
  echo "llama.cpp is built: $cache/bin"
  exit 0
fi
mkdir -p "$cache"
cd "$cache"
echo "downloading llama-cpp-python $version"
python3 -m pip download -q --no-deps --no-binary :all: "llama-cpp-python==$version" -d .
tar xzf "llama_cpp_python-$version.tar.gz"
cmake -S "llama_cpp_python-$version/vendor/llama.cpp" -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON \
  -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DBUILD_SHARED_LIBS=OFF
ninja -C build llama-bench llama-batched-bench llama-server llama-quantize
ln -sfn build/bin bin
echo "built: $cache/bin"
