#!/bin/sh
# Checks that the C files look as .clang-format says (clang-format 14, Debian 12's; others differ, so skipped with 77 there).
# With --fix it makes them so. Next: .clang-format.
set -eu
cd "$(dirname "$0")/.."
version=$(clang-format --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p')
[ "$version" = 14 ] || {
    echo "skipped: clang-format 14 is not here (found: ${version:-none})"
    exit 77
}
how='--dry-run -Werror'
[ "${1:-}" != --fix ] || how=-i
# shellcheck disable=SC2086 # two words
find src tools tests -name '*.[ch]' -print0 | xargs -0 clang-format --style=file $how
