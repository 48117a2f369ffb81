#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Provides the services of Debian 12 that the daemon is compared with, and prints the directory that
# holds them: peers.sh
#
#   irqbalance rasdaemon prometheus-node-exporter   the programs
#   packages                                        which versions they are
#
# They are unpacked and not installed: installed, they would start, and the first would move this
# machine's interrupts. For the rest see prometheus.sh, which does the same. Their libraries are what
# tests/packages.sh installs.

set -eu -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../vm/debian.sh
. "$here/../vm/debian.sh"

cache=${CXLIRQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cxlirq}
PEERS="irqbalance rasdaemon prometheus-node-exporter"

die() {
	echo "peers.sh: $*" >&2
	exit 1
}

[ $# -eq 0 ] || {
	echo "usage: peers.sh" >&2
	exit 2
}
mkdir -p "$cache/peers" "$cache/tmp"
exec 7>"$cache/peers.lock"
flock 7

DEBIAN_ARCHITECTURE=$(dpkg --print-architecture)
export DEBIAN_ARCHITECTURE
debian_open "$cache/apt/peers" bookworm || echo "peers.sh: trying what is known from earlier" >&2
versions=()
for peer in $PEERS; do
	version=
	read -r version _ < <(debian_versions bookworm "$peer") || true
	[ -n "$version" ] || die "no $peer found in Debian bookworm"
	versions+=("$peer $version")
done
key=$(printf '%s\n' "${versions[@]}" | sha256sum | cut -c1-16)
dest=$cache/peers/$key
if [ ! -d "$dest" ]; then
	# What a killed run left behind goes first: the lock says that it is dead.
	rm -rf "$cache/tmp/peers".*
	work=$(mktemp -d "$cache/tmp/peers.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM HUP
	mkdir "$work/whole"
	for line in "${versions[@]}"; do
		read -r peer version <<<"$line"
		echo "peers.sh: downloading $peer $version" >&2
		deb=$(debian_download "$peer" "$version" "$work/deb") || die "$peer cannot be downloaded"
		dpkg-deb -x "$deb" "$work/files"
		find "$work/files/usr" -path "*bin/$peer" -type f -exec mv -t "$work/whole" {} +
		[ -x "$work/whole/$peer" ] || die "$peer $version has no program of that name"
		! ldd "$work/whole/$peer" | grep 'not found' >&2 ||
			die "$peer lacks a library (tests/packages.sh bench)"
	done
	printf '%s\n' "${versions[@]}" >"$work/whole/packages"
	mv -T "$work/whole" "$dest"
fi
touch -c "$dest"
echo "$dest"
