#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Provides the libraries of another architecture and prints the directory that
# holds them: sysroot.sh arm64
#
# It is Debian 12 of that architecture, unpacked: what the programs are built
# against ("make CROSS_COMPILE=... SYSROOT=DIR"), what goes with them into a
# virtual machine, and what else is in its image (busybox, flock).  The
# packages are those of tests/packages.sh' group "build" whose names end in
# -dev, and what they depend on.  Nothing of this machine's own packages is
# read or changed.
#
# It lives next to the kernels (see kernel.sh), under a name with a checksum of
# the list of packages, and is made whole there or not at all.

set -eu -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=debian.sh
. "$here/debian.sh"

cache=${CXLIRQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cxlirq}

# To be raised when the same packages are unpacked in another way.
RECIPE=1

die() {
	echo "sysroot.sh: $*" >&2
	exit 1
}

if [ $# -ne 1 ] || [ "$1" != arm64 ]; then
	echo "usage: sysroot.sh arm64" >&2
	exit 2
fi
name=$1
# The rest of a group is tools, which are this machine's.
mapfile -t packages < <("$here/../packages.sh" --list build | grep -E -- '-dev$')
packages+=(busybox-static util-linux)

key=$(printf '%s\n' "recipe $RECIPE" "${packages[@]}" | sha256sum | cut -c1-16)
dest=$cache/sysroots/$name-$key
mkdir -p "$cache/sysroots" "$cache/tmp"
exec 8>"$cache/sysroot-$name.lock"
flock 8
if [ -d "$dest" ]; then
	touch -c "$dest"
	echo "$dest"
	exit 0
fi

# What a killed run left behind goes first: the lock says that it is dead.
rm -rf "$cache/tmp/sysroot-$name".*
work=$(mktemp -d "$cache/tmp/sysroot-$name.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

# The system's own release: the cross compiler's C library is of this one.
export DEBIAN_ARCHITECTURE=$name
echo "sysroot.sh: downloading Debian's libraries for $name" >&2
debian_open "$cache/apt/sysroot-$name" bookworm || echo "sysroot.sh: trying what is known from earlier" >&2
debian_download_all "${packages[@]}" || die "they cannot be downloaded"

# As on an installed system, where these are links.
mkdir -p "$work/root/usr"
for directory in bin sbin lib; do
	mkdir "$work/root/usr/$directory"
	ln -s "usr/$directory" "$work/root/$directory"
done
for deb in "$cache/apt/sysroot-$name/cache/archives"/*.deb; do
	dpkg-deb --fsys-tarfile "$deb" | tar -x -f - --keep-directory-symlink --no-same-owner \
		--exclude='./usr/share/doc' --exclude='./usr/share/locale' --exclude='./usr/share/man' \
		-C "$work/root"
done
rm -f "$cache/apt/sysroot-$name/cache/archives"/*.deb
# A link that begins at the root would lead out of here.
find "$work/root" -type l -lname '/*' -printf '%l\t%p\n' | while IFS=$'\t' read -r target link; do
	ln -sfnr "$work/root$target" "$link"
done

mv -T "$work/root" "$dest"
echo "$dest"
