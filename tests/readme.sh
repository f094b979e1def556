#!/bin/sh
# Runs the commands of README.md and of the guides that are marked for it (blocks that begin with "```sh test") in a fresh copy of
# the sources, in a folder whose name has a space, one document after another, and compares the config that README.md shows with
# the file. Not here: commands that take minutes.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
documents='README.md docs/first-run.md docs/spaces.md docs/relax.md' # the first one builds

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
copy="$place/a copy"
mkdir "$copy"
export CCACHE_BASEDIR="$copy" # for tools/test
(cd "$root" && tar -c --exclude='./build*' --exclude=./.git --exclude=./runs --exclude=./data --exclude=./shared .) |
    tar -x -C "$copy"

# blocks DOCUMENT FIRST-LINE: what stands in the blocks that begin with that line.
blocks() {
    awk -v first="$2" '$0 == first { inside = 1; next } /^```/ { inside = 0 } inside' "$root/$1"
}

blocks README.md '```yaml' | diff - "$root/configs/quickstart.yaml" || {
    echo "readme.sh: README.md shows another configs/quickstart.yaml" >&2
    exit 1
}
for document in $documents; do
    blocks "$document" '```sh test' >"$place/commands"
    [ -s "$place/commands" ] || {
        echo "readme.sh: $document has no block that begins with \`\`\`sh test" >&2
        exit 1
    }
    (cd "$copy" && sh -eux "$place/commands")
done

cd "$copy"
for command in $(build/supernet help | sed -n '/^Exit/q; s/^  \([a-z]*\) .*/\1/p'); do
    grep -q "^| \`$command " README.md || {
        echo "readme.sh: README.md has no line on the command $command" >&2
        exit 1
    }
done
