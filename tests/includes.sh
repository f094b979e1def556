#!/bin/sh
# Checks the order of includes (docs/design.md) and the form of files: each starts with a comment, none in src or tools is longer
# than 700 lines. Prints what is wrong and fails. Usage: includes.sh [FOLDER]. Not here: what these rules refuse
# (includes_refused.sh).
set -eu
cd "${1:-$(dirname "$0")/..}"

# check ALLOWED FILE...: reports quoted includes that do not match the pattern. A pattern without files is passed over.
check() {
    allowed=$1
    shift
    for file in "$@"; do
        [ -f "$file" ] || continue
        sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\(.*\)".*/\1/p' "$file" | grep -Ev "$allowed" |
            while read -r name; do
                echo "$file includes \"$name\"; allowed: $allowed"
            done
    done
}

includes() {
    description='^supernet/(status|rng|space|arch|graph|ops|ops/ops|params|cost)\.(h|def)$'
    for word in status rng space arch graph ops params cost; do
        check "$description" "src/supernet/$word.h" "src/supernet/$word.c"
    done
    check "$description" src/supernet/ops/*
    # A bare name is a neighbour in the same folder; onnx.pb-c.h is made from onnx.proto by the build.
    for room in kernels sampler io; do
        check "$description|^$room/|^[a-z0-9_]*\.(h|def)\$|^onnx\.pb-c\.h\$" src/$room/*.[ch] src/$room/*/*.[ch]
    done
    check '^(supernet|kernels|sampler|io)/' src/supernet/*.[ch]
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
    forms
)
[ -z "$wrong" ] || {
    echo "$wrong" >&2
    exit 1
}
