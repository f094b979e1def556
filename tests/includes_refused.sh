#!/bin/sh
# Shows that includes.sh refuses: one wrong file at a time in a small tree. Next: includes.sh.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/src/supernet/ops" "$tree/src/kernels/ref" "$tree/src/sampler" "$tree/src/io" "$tree/tools"

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

refused src/supernet/space.c '// x' '#include "io/config.h"'
refused src/supernet/ops/conv.c '// x' '#include "supernet/plan.h"'
refused src/supernet/plan.c '// x' '#include "tools/cli.h"'
refused src/kernels/call.c '// x' '#include "supernet/plan.h"'
refused src/kernels/ref/conv.c '// x' '#include "io/csv.h"'
refused src/sampler/fair.c '// x' '#  include "kernels/kernels.h"'
refused src/io/csv.c '// x' '#include "sampler/sampler.h"'
refused src/io/csv.c '// x' '#include "../sampler/sampler.h"'
refused src/io/csv.c 'int x;'
refused tools/long.c "$(seq -f '// %.0f' 701)"
