#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Provides a Debian that has what the package is built with, for a release that
# is not this machine's, and prints its directory: chroot.sh trixie
#
# The libraries of one release are not those of the next, and the version of
# systemd decides what the unit says: so each gets a package of its own, built
# where "make deb" would be called there. The packages are the groups "build"
# and "package" of tests/packages.sh. It lies next to the kernels, under a name
# with a checksum of that list, and who builds in it writes elsewhere.

set -eu -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
cache=${CXLIRQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cxlirq}

# To be raised when the same packages are to be installed in another way.
RECIPE=1

die() {
	echo "chroot.sh: $*" >&2
	exit 1
}

[ $# -eq 1 ] || {
	echo "usage: chroot.sh SUITE" >&2
	exit 2
}
name=$1
packages=$("$here/../packages.sh" --list build; "$here/../packages.sh" --list package)
packages=$(sort -u <<<"$packages" | paste -sd,)

key=$(printf '%s\n' "recipe $RECIPE" "$packages" | sha256sum | cut -c1-16)
dest=$cache/chroots/$name-$key
mkdir -p "$cache/chroots" "$cache/tmp"
exec 7>"$cache/chroot-$name.lock"
flock 7
if [ -d "$dest" ]; then
	touch -c "$dest"
	echo "$dest"
	exit 0
fi
[ "$(id -u)" -eq 0 ] || die "only root can make it"

# What a killed run left behind goes first: the lock says that it is dead.
rm -rf "$cache/tmp/chroot-$name".*
work=$(mktemp -d "$cache/tmp/chroot-$name.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
chmod 755 "$work"

started=$SECONDS
echo "chroot.sh: making a Debian $name to build in" >&2
mmdebstrap --quiet --variant=apt --include="$packages" --format=directory \
	--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	"$name" "$work/root" http://deb.debian.org/debian >&2 || die "mmdebstrap failed"
mv -T "$work/root" "$dest"
echo "chroot.sh: made it in $((SECONDS - started)) s" >&2
echo "$dest"
