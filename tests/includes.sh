#!/bin/sh
# Checks the order of includes (docs/design.md), that the program has one writer to terminals, and the form of files: each starts
# with a comment, none in src or tools is longer than 700 lines. Prints what is wrong and fails. Usage: includes.sh [FOLDER]. Not here: what these rules refuse
# (includes_refused.sh).
set -eu
cd "${1:-$(dirname "$0")/..}"

# room FOLDER ALLOWED...: files of the folder include their neighbours and the folders named, nothing else.
# (onnx.pb-c.h is made from onnx.proto by the build.)
room() {
    folder=$1
    shift
    allowed="^$folder/[^/]*\$|^[^/]*\$"
    for other in "$@"; do allowed="$allowed|^$other/[^/]*\$"; done
    for file in "src/$folder"/*.[ch]; do
        [ -f "$file" ] || continue
        sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\(.*\)".*/\1/p' "$file" | grep -Ev "$allowed" |
            while read -r name; do
                echo "$file includes \"$name\"; allowed are $folder $*"
            done
    done
}

# A folder of sources without a rule is one that nobody thought about.
unruled() {
    find src -name '*.[ch]' -o -name '*.def' | sort | while read -r file; do
        folder=${file%/*}
        case " $rooms " in
        *" ${folder#src/} "*) ;;
        *) echo "$file is in a folder without a rule in tests/includes.sh" ;;
        esac
    done
}

# Floors from below; an arrow goes down, or along its floor to what stands further up in this list.
includes() {
    rooms='base space space/ops space/notations kernels kernels/ref kernels/cpu sampler io/config io/files io/data supernet/engine supernet/train
supernet/rank supernet/export'
    rooms=$(echo "$rooms" | tr '\n' ' ')
    # 1
    room base
    # 2
    room space base space/ops space/notations
    room space/ops base space
    room space/notations base space
    room kernels base
    room kernels/ref base kernels
    room kernels/cpu base kernels
    # 3
    room sampler base space
    room io/config base space sampler
    room io/files base space
    room io/data base io/files
    # 4
    room supernet/engine base space kernels
    all='base space kernels sampler io/config io/files io/data'
    # shellcheck disable=SC2086 # a list
    {
        room supernet/train $all supernet/engine
        room supernet/rank $all supernet/engine supernet/train
        room supernet/export $all supernet/engine supernet/train supernet/rank
    }
    unruled
}

# What people read goes through terminal.c, which knows of the progress line and of widths.
writers() {
    grep -nE '(^|[^a-z_])(printf|puts|putchar)\(|stderr' tools/*.c /dev/null 2>/dev/null | grep -Ev '^tools/(terminal|cli|supernet)\.c' |
        sed 's/:.*/ prints by itself: cli_print, cli_say and table.h are for that/' | uniq
}

forms() {
    find . \( -name 'build*' -o -name .git -o -path ./runs -o -path ./data -o -path ./shared \) -prune -o -type f -print |
        while read -r file; do
            case "$file" in
            *.c | *.h | *.def) start='^//' ;;
            *.py) start='^(#|""")' ;;
            *.sh | *.yaml | *.yml | */CMakeLists.txt) start='^#' ;;
            *) continue ;;
            esac
            head -n 1 "$file" | grep -Eq "$start" || echo "$file does not start with a comment"
            case "$file" in
            ./src/* | ./tools/*)
                lines=$(wc -l <"$file")
                [ "$lines" -le 700 ] || echo "$file has $lines lines; at most 700 are allowed"
                ;;
            esac
        done
}

wrong=$(
    includes
    writers
    forms
)
[ -z "$wrong" ] || {
    echo "$wrong" >&2
    exit 1
}
