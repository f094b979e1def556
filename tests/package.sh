#!/bin/sh
# The Debian package: built, held against Debian's rules (lintian), its manual page and completions tried; then installed in a fresh
# Debian, used there by a user without a source tree, and removed without a trace. The last needs root, debootstrap and a mirror;
# without them the package is unpacked into a folder and used from there. Exit code 77: this is no Debian system.
# Usage: package.sh [BUILD-FOLDER]. Next: tools/package.cmake.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
command -v dpkg-deb >/dev/null || exit 77
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() {
    echo "package: $*" >&2
    exit 1
}

cpack --config "$build/CPackConfig.cmake" -B "$scratch" >"$scratch/log" 2>&1 || fail "cpack: $(tail -n 5 "$scratch/log")"
package=$(ls "$scratch"/*.deb)
echo "$(basename "$package"): $(wc -c <"$package") bytes"
if command -v lintian >/dev/null; then
    lintian --allow-root --fail-on error "$package" || fail 'lintian finds errors'
else
    echo 'lintian: not installed'
fi

# --- the manual page and the completions
dpkg-deb -x "$package" "$scratch/unpacked"
share=$scratch/unpacked/usr/share
gzip -dc "$share/man/man1/supernet.1.gz" >"$scratch/supernet.1"
for command in $("$build/supernet" help | sed -n '/^Exit/q; s/^  \([a-z]*\) .*/\1/p'); do
    grep -q "^\.SS supernet $command " "$scratch/supernet.1" || fail "the manual page lacks $command"
done
if command -v groff >/dev/null; then
    found=$(groff -man -ww -z -Tutf8 "$scratch/supernet.1" 2>&1)
    [ -z "$found" ] || fail "the manual page: $found"
fi
completes() { # EXPECTED WORD...: bash's completions of the last word
    expected=$1
    shift
    # shellcheck disable=SC2016 # for the inner shell
    found=$(bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _supernet 2>/dev/null; echo "${COMPREPLY[*]}"' \
        "$share/bash-completion/completions/supernet" "$@")
    [ "$found" = "$expected" ] || fail "completion of '$*': '$found', expected '$expected'"
}
completes rank supernet ra
completes --sample supernet rank run --sa
completes '' supernet rank run --sample ''
completes train.epochs= supernet train --set train.ep
completes 'cpu-avx512 cpu-avx2' supernet train --device cpu-av
completes "$root/README.md" supernet verify "$root/READ"
completes config supernet help con
completes 'accuracy loss effects' supernet rank run --by ''
completes effects supernet finals run --by = e
completes 'fold keep' supernet export run --bn ''
completes 'list clean' supernet cache ''

cat >"$scratch/zsh" <<'END'
# FOLDER TYPED WANTED: types into a zsh of its own, presses tab, waits for the line that is wanted
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'show() { zle -I; print -r -- "<$BUFFER>" }; zle -N show; bindkey "^G" show'
zpty -w shell "fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D; PS1='>''> '"
zpty -r shell seen '*>> *'
zpty -n -w shell "$2"$'\t\a'
zpty -r shell seen "*<$3>*"
END
zsh_completes() { # TYPED WANTED
    timeout 60 zsh -f "$scratch/zsh" "$share/zsh/vendor-completions" "$1" "$2" || fail "completion of '$1' by zsh: not '$2'"
}
if command -v zsh >/dev/null; then
    zsh_completes 'supernet ret' 'supernet retrain '
    zsh_completes 'supernet rank run --by eff' 'supernet rank run --by effects '
    zsh_completes 'supernet export run --bn=k' 'supernet export run --bn=keep '
    zsh_completes 'supernet cache cl' 'supernet cache clean '
    zsh_completes 'supernet train --set train.ep' 'supernet train --set train.epochs='
fi

# --- used without a source tree
cat >"$scratch/use" <<'END'
set -eu
cd "$HOME"
supernet train /usr/share/supernet/smoke.yaml -o run --quiet
supernet rank run --top 3 --quiet
supernet export run --arch best -o model.onnx
supernet describe /usr/share/supernet/nasbench-macro-cifar10.yaml --no-timing | head -n 3
supernet verify run/ranking.h5
END
if [ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null; then
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
    fresh=$scratch/debian
    if ! debootstrap --variant=minbase "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$fresh" "$mirror" \
        >"$scratch/log" 2>&1; then
        tail -n 3 "$scratch/log"
        echo 'package: no fresh Debian could be made; not tried there'
        exit 0
    fi
    cp /etc/resolv.conf "$fresh/etc/"
    cp "$package" "$fresh/supernet.deb"
    cp "$scratch/use" "$fresh/use"
    inside() { chroot "$fresh" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
    apt='apt-get -qq -y -o APT::Sandbox::User=root --no-install-recommends'
    inside sh -c "apt-get -qq update && $apt install dataset-fashion-mnist" >"$scratch/log" 2>&1 || fail "$(tail "$scratch/log")"
    inside find / -xdev -path /proc -prune -o -path /var -prune -o -print | sort >"$scratch/before"
    inside sh -c "$apt install ./supernet.deb" >"$scratch/log" 2>&1 || fail "$(tail "$scratch/log")"
    inside useradd -m user
    mount -t proc proc "$fresh/proc" # the program asks it where it lies
    inside su user -c 'sh /use' || {
        umount "$fresh/proc"
        fail 'it does not work where it was installed'
    }
    umount "$fresh/proc"
    inside sh -c 'userdel -r user 2>/dev/null; apt-get -qq -y purge --autoremove supernet' >"$scratch/log" 2>&1 ||
        fail "$(tail "$scratch/log")"
    inside find / -xdev -path /proc -prune -o -path /var -prune -o -print | sort | comm -13 "$scratch/before" - |
        grep -v '^/etc/' >"$scratch/left" || true
    [ ! -s "$scratch/left" ] || fail "left behind: $(head "$scratch/left")"
    echo 'installed in a fresh Debian, used by a user, removed without a trace'
else
    sed "s#/usr/share/supernet#$share/supernet#" "$scratch/use" >"$scratch/use.here"
    mkdir "$scratch/home"
    HOME=$scratch/home PATH=$scratch/unpacked/usr/bin:$PATH sh "$scratch/use.here" || fail 'it does not work where it was unpacked'
    echo 'unpacked and used; no fresh Debian: that needs root and debootstrap'
fi
