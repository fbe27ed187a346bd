#!/bin/sh
# The first contact, as `npm run quickstart` runs it (packages are there by then): builds ftlc, shows the plan of the example,
# and fine-tunes it. About two minutes on two cores without a GPU, seconds with one.
set -eu
cd "$(dirname "$0")/.."
recipe=examples/quickstart.ftl

echo "== building ftlc (tsc -b)" >&2
tsc -b runtime
echo "== the plan: ftlc compile $recipe" >&2
node dist/runtime/cli/main.js compile "$recipe"
echo "== training: ftlc train $recipe" >&2
exec node dist/runtime/cli/main.js train "$recipe"
