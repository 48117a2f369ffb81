#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Provides a whole Debian for virtual machines, with systemd as its first
# process, and prints the directory that holds it: disk.sh bookworm | trixie
#
#   root.ext4   the file system, as a disk without partitions
#   status      dpkg's list of what is installed there
#
# It is made by mmdebstrap and mke2fs, mounts nothing, and lies next to the
# kernels (tests/vm/kernel.sh), under a name with a checksum of this script:
# made whole there, once, or not at all. Who boots it writes elsewhere (QEMU's
# snapshot=on).
#
# cxlirqd is not in it, nor what it depends on: the tests install them as a
# user does. What is in it beyond a bare Debian with systemd is the clients
# that the tests use. Little else runs: no getty where the tests' lines go, no
# timers, and none of the steps of a first boot, each of which costs seconds
# under emulation.

set -eu -o pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

here=$(cd "$(dirname "$0")" && pwd)
cache=${CXLIRQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cxlirq}
mirror=http://deb.debian.org/debian

die() {
	echo "disk.sh: $*" >&2
	exit 1
}

# What would run beside the test, or wait for what this machine has not.
quiet="apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer
	man-db.timer systemd-tmpfiles-clean.timer getty.target serial-getty@ttyS0.service
	systemd-random-seed.service systemd-binfmt.service
	proc-sys-fs-binfmt_misc.automount systemd-pstore.service remote-fs.target"

# complete ROOT: as after the first boot of an installed machine
complete() {
	local root=$1 unit
	echo cxlirq-guest >"$root/etc/hostname"
	echo '127.0.0.1 localhost cxlirq-guest' >"$root/etc/hosts"
	echo 5c2f0a4be6c24a53a1c4f3a8a0b7d9e1 >"$root/etc/machine-id"
	echo LANG=C.UTF-8 >"$root/etc/default/locale"
	ln -sf /usr/share/zoneinfo/Etc/UTC "$root/etc/localtime"
	chroot "$root" passwd -d root >/dev/null
	for unit in $quiet; do
		ln -sf /dev/null "$root/etc/systemd/system/$unit"
	done
	# People: one in no group, and one for the group that may change things.
	chroot "$root" useradd -m -s /bin/bash reader
	chroot "$root" useradd -m -s /bin/bash changer
	mkdir -p "$root/var/log/journal"
	chroot "$root" systemd-hwdb update 2>/dev/null || true
	chroot "$root" journalctl --update-catalog
	chroot "$root" ldconfig
	# Debian 12 has no such steps at boot, and no such program.
	[ ! -x "$root/lib/systemd/systemd-update-done" ] ||
		chroot "$root" /lib/systemd/systemd-update-done
}

# For mmdebstrap
if [ "${1:-}" = --complete ]; then
	complete "$2"
	exit
fi

packages=systemd,systemd-sysv,udev,dbus,kmod,util-linux,procps,iproute2,bash,less,curl,jq
packages=$packages,python3,python3-varlink
case ${1:-} in
# The newer of the two has varlinkctl with systemd; for the older one
# python3-varlink is in its backports.
bookworm) suites=("deb $mirror bookworm main" "deb $mirror bookworm-backports main") ;;
trixie) suites=("deb $mirror trixie main") ;;
*)
	echo "usage: disk.sh bookworm | trixie" >&2
	exit 2
	;;
esac
name=$1

key=$(sha256sum "$here/disk.sh" | cut -c1-16)
dest=$cache/disks/$name-$key
mkdir -p "$cache/disks" "$cache/tmp"
exec 7>"$cache/disk-$name.lock"
flock 7
if [ -d "$dest" ]; then
	touch -c "$dest"
	echo "$dest"
	exit 0
fi

# What a killed run left behind goes first: the lock says that it is dead.
rm -rf "$cache/tmp/disk-$name".*
work=$(mktemp -d "$cache/tmp/disk-$name.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
chmod 755 "$work"

started=$SECONDS
echo "disk.sh: making a Debian $name with systemd" >&2
printf '%s\n' "${suites[@]}" >"$work/sources"
mmdebstrap --quiet --variant=minbase --include="$packages" \
	--customize-hook="$here/disk.sh --complete \"\$1\"" \
	--skip=cleanup/reproducible \
	--format=tar "$name" "$work/root.tar" - <"$work/sources" >&2 || die "mmdebstrap failed"
mkdir "$work/disk"
tar -xOf "$work/root.tar" ./var/lib/dpkg/status >"$work/disk/status"
# No journal: nobody keeps what is written. Who owns what is known within one fakeroot.
truncate -s 2G "$work/disk/root.ext4"
fakeroot -- sh -eu -c "mkdir '$work/root'
	tar -x -p -f '$work/root.tar' -C '$work/root'
	mke2fs -q -t ext4 -O ^has_journal -L cxlirq-root -d '$work/root' '$work/disk/root.ext4'" ||
	die "mke2fs failed"
mv -T "$work/disk" "$dest"
echo "disk.sh: made it in $((SECONDS - started)) s" >&2
echo "$dest"
