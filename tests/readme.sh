#!/bin/sh
# Runs the commands of README.md that are marked for it (blocks that begin with "```sh test") in a fresh copy of the sources, in
# a folder whose name has a space, and compares the config it shows with the file. Not here: commands that take minutes.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
readme=$root/README.md

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
copy="$place/a copy"
mkdir "$copy"
(cd "$root" && tar -c --exclude='./build*' --exclude=./.git --exclude=./runs --exclude=./data --exclude=./shared .) |
    tar -x -C "$copy"

awk '/^```sh test$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$readme" >"$place/commands"
[ -s "$place/commands" ] || {
    echo "readme.sh: $readme has no block that begins with \`\`\`sh test" >&2
    exit 1
}
awk '/^```yaml$/ { inside = 1; next } /^```/ { inside = 0 } inside' "$readme" | diff - "$root/configs/quickstart.yaml" || {
    echo "readme.sh: $readme shows another configs/quickstart.yaml" >&2
    exit 1
}
cd "$copy"
sh -eux "$place/commands"

for command in $(build/supernet help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
    grep -q "^| \`$command " README.md || {
        echo "readme.sh: README.md has no line on the command $command" >&2
        exit 1
    }
done
