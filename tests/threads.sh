#!/bin/sh
# A whole training, ranking, score and export on several threads with a program built with the thread sanitizer: any race that it
# reports fails. Usage: threads.sh PROGRAM. Not here: the pool alone (test_pool.c).
set -eu
supernet=$1
config=$(cd "$(dirname "$0")/.." && pwd)/configs/smoke.yaml
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export TSAN_OPTIONS=halt_on_error=1

"$supernet" train "$config" --threads 3 -q -o "$folder/run"
"$supernet" rank "$folder/run" --threads 3 -q
"$supernet" eval "$folder/run" --arch best --threads 3 -q
"$supernet" export "$folder/run" --arch best --threads 3 -q -o "$folder/model.onnx"
