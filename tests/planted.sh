#!/bin/sh
# Shows that random spaces find faults: builds a copy of the tree, in which test_spaces must pass, then plants each fault of
# tests/planted/*.patch in it, where test_spaces must fail. Takes minutes; run by hand. Usage: planted.sh [SEEDS [PATCH...]].
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
seeds=${1:-60}
[ $# = 0 ] || shift
[ $# -gt 0 ] || set -- "$root"/tests/planted/*.patch
copy=$(mktemp -d "${TMPDIR:-/tmp}/sn_planted_XXXXXX")
trap 'rm -rf "$copy"' EXIT
trap 'exit 1' HUP INT TERM

cd "$root"
git ls-files -z | xargs -0 cp --parents -t "$copy"
cd "$copy"
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release >build.log

spaces() { # prints what was found; fails as test_spaces does
    cmake --build build --target test_spaces >build.log || {
        cat build.log >&2
        exit 1
    }
    TMPDIR="$copy" build/test_spaces 1 "$seeds" >out 2>&1
}

spaces || {
    cat out >&2
    echo "test_spaces fails without a planted fault" >&2
    exit 1
}
missed=0
for patch; do
    patch -s -p1 --no-backup-if-mismatch <"$patch"
    if spaces; then
        echo "$(basename "$patch"): not found in $seeds spaces" >&2
        missed=1
    else
        echo "$(basename "$patch"): $(grep -c ':[FE]:' out) of $seeds spaces fail, first:"
        grep -m 1 ':[FE]:' out
    fi
    patch -s -R -p1 --no-backup-if-mismatch <"$patch"
done
exit "$missed"
