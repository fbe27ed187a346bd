#!/bin/sh
# Where Node 24, PyTorch, Transformers and PEFT are: exports what a recipe trained at some ranks and compares PEFT's logits with ours.
# usage: test/peft/compare.sh RECIPE MODEL OUT RANK...
set -eu
recipe=$1 model=$2 out=$3
shift 3
here=$(dirname "$0")
list=$(echo "$*" | tr ' ' ',')
node "$here/../../dist/runtime/cli/main.js" export --recipe "$recipe" --to peft --rank "$list" -o "$out/adapters"
node "$here/logits.ts" "$recipe" "$out" "$@"
python3 "$here/logits.py" "$model" "$out/adapters" "$out" "$@"
