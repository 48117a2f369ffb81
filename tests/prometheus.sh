#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Provides Debian's Prometheus and prints the directory that holds it:
# prometheus.sh
#
#   prometheus promtool      the two programs
#   package                  which version they are
#
# The package is unpacked and not installed: installed, it would start a
# service, listen on port 9090 and add a user to whatever machine the tests run
# on.  Nothing of this machine's packages is read or changed, and no root is
# needed.
#
# It lives next to the kernels (see vm/kernel.sh), under a name with its
# version, and is made whole there or not at all; a lock keeps two callers from
# fetching it twice.  When the mirror is out of reach, what is there is used.

set -eu -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=vm/debian.sh
. "$here/vm/debian.sh"

cache=${CXLIRQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cxlirq}

say() {
	echo "prometheus.sh: $*" >&2
}

die() {
	say "$*"
	exit 1
}

# The newest that is there, when no newer one can be had.
fall_back() {
	local old
	# shellcheck disable=SC2012  # names are ours, and the order wanted is by time
	old=$(ls -dt "$cache/prometheus"/*/ 2>/dev/null | head -n 1 || true)
	[ -n "$old" ] || die "$1, and none is in $cache"
	say "$1: using the cached $(cat "$old/package")"
	echo "${old%/}"
	exit 0
}

if [ $# -ne 0 ]; then
	echo "usage: prometheus.sh" >&2
	exit 2
fi
mkdir -p "$cache/prometheus" "$cache/tmp"
exec 7>"$cache/prometheus.lock"
flock 7

DEBIAN_ARCHITECTURE=$(dpkg --print-architecture)
export DEBIAN_ARCHITECTURE
debian_open "$cache/apt/prometheus" bookworm || say "trying what is known from earlier"
read -r version _ < <(debian_versions bookworm prometheus) || true
[ -n "${version:-}" ] || fall_back "no prometheus found in Debian bookworm"
# A version may hold characters that a path had better not.
dest=$cache/prometheus/${version//[^0-9A-Za-z.+~-]/_}-$DEBIAN_ARCHITECTURE
if [ -d "$dest" ]; then
	touch -c "$dest"
	echo "$dest"
	exit 0
fi

# What a killed run left behind goes first: the lock says that it is dead.
rm -rf "$cache/tmp/prometheus".*
work=$(mktemp -d "$cache/tmp/prometheus.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
say "downloading prometheus $version"
deb=$(debian_download prometheus "$version" "$work/deb") ||
	fall_back "prometheus $version cannot be downloaded"
dpkg-deb -x "$deb" "$work/files"
mkdir "$work/whole"
mv "$work/files/usr/bin/prometheus" "$work/files/usr/bin/promtool" "$work/whole/"
"$work/whole/promtool" --version >/dev/null || die "promtool of $version does not run here"
echo "prometheus $version (Debian bookworm, $DEBIAN_ARCHITECTURE)" >"$work/whole/package"
mv -T "$work/whole" "$dest"
echo "$dest"
