#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds this tree's Debian package for a release of Debian, and prints a
# directory that apt takes as a source: package.sh bookworm | trixie
#
#   cxlirqd_*.deb   the package
#   *.deb           what it depends on, as far as a fresh guest lacks it
#   Packages        what apt reads
#
# It is in $BUILD/system, under a name with a checksum of the tree, so that
# suites with the same guest build it once.

set -eu -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
# shellcheck source-path=SCRIPTDIR source=../vm/debian.sh
. "$here/../vm/debian.sh"
cache=${CXLIRQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cxlirq}

case ${1:-} in
bookworm | trixie) name=$1 ;;
*)
	echo "usage: package.sh bookworm | trixie" >&2
	exit 2
	;;
esac

die() {
	echo "package.sh: $*" >&2
	exit 1
}

# What "make deb" takes, and itself.
tree() {
	local rooms=(Makefile README.md LICENSE bpf cli contrib daemon include man units
		tests/tests.mk tests/packages.sh)
	tar -c -C "$top" --sort=name --owner=0 --group=0 --mtime=2026-01-01 "${rooms[@]}"
}

# build_here TREE OUT
build_here() {
	env -u MAKEFLAGS -u MAKELEVEL make -C "$1" deb BUILD="$2"
}

# build_there TREE OUT: in the other release, which sees nothing of this machine but these two. What
# is mounted is gone with the process.
build_there() {
	local root
	root=$("$here/chroot.sh" "$name")
	[ "$(id -u)" -eq 0 ] || die "only root can build for another release"
	# shellcheck disable=SC2016  # for that shell to expand
	unshare --mount --pid --fork -- sh -eu -c '
		mount -t proc proc "$1/proc"
		mount -t tmpfs tmpfs "$1/mnt"
		mkdir "$1/mnt/tree" "$1/mnt/out"
		mount --bind "$2" "$1/mnt/tree"
		mount --bind "$3" "$1/mnt/out"
		mount -t tmpfs tmpfs "$1/tmp"
		exec env -i PATH=/usr/sbin:/usr/bin HOME=/tmp LC_ALL=C \
			chroot "$1" make -C /mnt/tree deb BUILD=/mnt/out
	' build "$root" "$1" "$2"
}

# dependencies DISK DEB: the directory with what this disk lacks to install it
dependencies() {
	local depends key dest
	depends=$(dpkg-deb -f "$2" Depends)
	key=$({
		basename "$1"
		echo "$depends"
	} | sha256sum | cut -c1-16)
	dest=$cache/dependencies/$name-$key
	if [ ! -d "$dest" ]; then
		mkdir -p "$cache/dependencies"
		debian_open "$cache/apt/system-$name" "$name" || echo "package.sh: trying what is known from earlier" >&2
		# What the disk has is installed, for this apt.
		cp "$1/status" "$DEBIAN_DIRECTORY/status"
		# One of several alternatives: none of ours has them but for systemd, which is there.
		# shellcheck disable=SC2046  # a list of names
		debian_download_all $(tr ',' '\n' <<<"$depends" | sed 's/[(|].*//') >&2
		rm -rf "$dest.new"
		mkdir "$dest.new"
		find "$DEBIAN_DIRECTORY/cache/archives" -name '*.deb' -exec mv -t "$dest.new" {} +
		mv -T "$dest.new" "$dest"
	fi
	touch -c "$dest"
	echo "$dest"
}

build=$(realpath "${BUILD:-build}")
dest=$build/system/$name-$({
	tree
	cat "$0"
} | sha256sum | cut -c1-16)
mkdir -p "$build/system"
exec 7>"$build/system/$name.lock"
flock 7
if [ -d "$dest" ]; then
	echo "$dest"
	exit 0
fi
disk=$("$here/disk.sh" "$name")

rm -rf "$build/system/$name"-*
work=$(mktemp -d "$build/system/tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
mkdir "$work/tree" "$work/out" "$work/dest"
tree | tar -x -C "$work/tree"
where=there
# shellcheck disable=SC1091  # the system's
[ "$(. /etc/os-release && echo "$VERSION_CODENAME")" != "$name" ] || where=here
"build_$where" "$work/tree" "$work/out" >"$build/system/$name.log" 2>&1 || {
	tail -n 20 "$build/system/$name.log" >&2
	die "the package for $name was not built: see $build/system/$name.log"
}
cp "$work"/out/cxlirqd_*.deb "$work/dest/"
cp -t "$work/dest" "$(dependencies "$disk" "$work"/dest/cxlirqd_*.deb)"/*.deb
(cd "$work/dest" && dpkg-scanpackages --multiversion . 2>/dev/null >Packages)
mv -T "$work/dest" "$dest"
echo "$dest"
