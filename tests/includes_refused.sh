#!/bin/sh
# Shows that includes.sh refuses: one wrong file at a time in a small tree. Next: includes.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/src/base" "$tree/src/space/ops" "$tree/src/kernels/ref" "$tree/src/sampler" "$tree/src/io/files" "$tree/src/io/data" \
    "$tree/src/supernet/engine" "$tree/src/supernet/train" "$tree/tools"

# refused FILE LINE...: the tree with this file fails, and names it; without it all is well.
refused() {
    file=$1
    shift
    printf '%s\n' "$@" >"$tree/$file"
    if message=$(sh "$here/includes.sh" "$tree" 2>&1); then
        echo "includes.sh accepts $file with: $*" >&2
        exit 1
    fi
    case "$message" in
    *"$file "*) ;;
    *)
        echo "includes.sh does not name $file: $message" >&2
        exit 1
        ;;
    esac
    rm "$tree/$file"
    sh "$here/includes.sh" "$tree"
}

refused src/base/rng.c '// x' '#include "space/arch.h"'
refused src/space/space.c '// x' '#include "io/config/config.h"'
refused src/space/ops/conv.c '// x' '#include "supernet/engine/plan.h"'
refused src/kernels/call.c '// x' '#include "supernet/engine/plan.h"'
refused src/kernels/ref/conv.c '// x' '#include "space/graph.h"'
refused src/sampler/fair.c '// x' '#  include "kernels/kernels.h"'
refused src/io/files/csv.c '// x' '#include "sampler/method.h"'
refused src/io/files/csv.c '// x' '#include "../sampler/method.h"'
refused src/io/data/cache.c '// x' '#include "space/space.h"'
refused src/io/files/csv.c 'int x;'
refused src/supernet/engine/plan.c '// x' '#include "tools/cli.h"'
refused src/supernet/engine/plan.c '// x' '#include "supernet/train/run.h"'
refused src/supernet/train/run.c '// x' '#include "supernet/rank/rank.h"'
refused tools/long.c "$(seq -f '// %.0f' 701)"
refused tools/cmd_rank.c '// x' 'printf("x");'
mkdir "$tree/src/misc"
refused src/misc/misc.c '// x'
