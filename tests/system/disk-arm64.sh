#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Provides a Debian 12 of arm64 with systemd, as disk.sh does for this machine's
# architecture, and prints the directory that holds it (root.ext4).
#
# No program of that architecture runs here, so that no package can be
# installed: they are unpacked, and what their scripts would have done, as far
# as a guest needs it, is done here. There is no package manager in it. What
# needs one is tested elsewhere; here it is the kernel that matters.

set -eu -o pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=../vm/debian.sh
. "$here/../vm/debian.sh"
cache=${CXLIRQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cxlirq}
name=bookworm-arm64

# What every Debian has; then what disk.sh adds; then the libraries of cxlirqd and cxlirqctl.
packages=(base-files base-passwd bash bsdutils coreutils dash debianutils diffutils findutils gawk grep
	gzip hostname init-system-helpers libc-bin login passwd ncurses-base ncurses-bin sed sysvinit-utils
	tar util-linux mount
	systemd systemd-sysv udev dbus kmod procps iproute2 less curl jq python3 python3-varlink libpam-modules
	libbpf1 libcap2 libinih1 libjansson4 libmicrohttpd12 libncursesw6 libpci3 libsmartcols1
	libsqlite3-0 libsystemd0 zlib1g)

die() {
	echo "disk-arm64.sh: $*" >&2
	exit 1
}

# build ROOT DISK: who owns what is known within one fakeroot
build() {
	local root=$1 directory deb
	mkdir -p "$root/usr"
	for directory in bin sbin lib; do
		mkdir "$root/usr/$directory"
		ln -s "usr/$directory" "$root/$directory"
	done
	for deb in "$cache/apt/system-$name/cache/archives"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -p -f - --keep-directory-symlink -C "$root" \
			--exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/share/locale'
	done
	cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
	cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
	echo 'messagebus:x:100:101::/nonexistent:/usr/sbin/nologin' >>"$root/etc/passwd"
	printf '%s\n' 'reader:x:1000:1000::/home/reader:/bin/bash' 'changer:x:1001:1001::/home/changer:/bin/bash' \
		>>"$root/etc/passwd"
	printf '%s\n' 'messagebus:x:101:' 'reader:x:1000:' 'changer:x:1001:' >>"$root/etc/group"
	sed -i 's/^root:[^:]*:/root::/' "$root/etc/passwd"
	install -d -o 1000 -g 1000 "$root/home/reader"
	install -d -o 1001 -g 1001 "$root/home/changer"
	# PAM is configured by a program that asks questions; here everyone may do what he is.
	for directory in auth account session password; do
		echo "$directory required pam_permit.so" >"$root/etc/pam.d/common-$directory"
	done
	cp "$root/etc/pam.d/common-session" "$root/etc/pam.d/common-session-noninteractive"
	[ -e "$root/usr/bin/awk" ] || ln -s gawk "$root/usr/bin/awk"
	[ -e "$root/usr/bin/sh" ] || ln -s dash "$root/usr/bin/sh"
	echo cxlirq-guest >"$root/etc/hostname"
	echo '127.0.0.1 localhost cxlirq-guest' >"$root/etc/hosts"
	echo 5c2f0a4be6c24a53a1c4f3a8a0b7d9e1 >"$root/etc/machine-id"
	mkdir -p "$root/etc/systemd/system" "$root/var/log/journal"
	"$here/disk.sh" --quiet "$root"
	truncate -s 2G "$2"
	mke2fs -q -t ext4 -O ^has_journal -L cxlirq-root -d "$root" "$2"
}
if [ "${1:-}" = --build ]; then
	build "$2" "$3"
	exit
fi

key=$(sha256sum "$here/disk-arm64.sh" "$here/disk.sh" | sha256sum | cut -c1-16)
dest=$cache/disks/$name-$key
mkdir -p "$cache/disks" "$cache/tmp"
exec 7>"$cache/disk-$name.lock"
flock 7
if [ -d "$dest" ]; then
	touch -c "$dest"
	echo "$dest"
	exit 0
fi
rm -rf "$cache/tmp/disk-$name".*
work=$(mktemp -d "$cache/tmp/disk-$name.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

started=$SECONDS
echo "disk-arm64.sh: making a Debian bookworm of arm64 with systemd" >&2
export DEBIAN_ARCHITECTURE=arm64
debian_open "$cache/apt/system-$name" bookworm bookworm-backports || echo "disk-arm64.sh: trying what is known from earlier" >&2
debian_download_all "${packages[@]}" || die "its packages cannot be downloaded"

mkdir "$work/disk" "$work/root"
fakeroot -- "$here/disk-arm64.sh" --build "$work/root" "$work/disk/root.ext4" ||
	die "its file system cannot be made"
rm -f "$cache/apt/system-$name/cache/archives"/*.deb
mv -T "$work/disk" "$dest"
echo "disk-arm64.sh: made it in $((SECONDS - started)) s" >&2
echo "$dest"
