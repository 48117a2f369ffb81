#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Provides a whole Debian for virtual machines, with systemd as its first
# process, and prints the directory that holds it:
#   disk.sh bookworm | trixie [x86_64 | arm64]     (arm64: bookworm only)
#
#   root.ext4   the file system, as a disk without partitions
#   status      dpkg's list of what is installed there (x86_64)
#
# It is made by mmdebstrap and mke2fs, mounts nothing, and lies next to the
# kernels (tests/vm/kernel.sh), under a name with a checksum of this script:
# made whole there, once, or not at all. Who boots it writes elsewhere (QEMU's
# snapshot=on).
#
# cxlirqd is not in it, nor what it depends on: the tests install them as a
# user does. What is in it beyond a bare Debian with systemd is the clients
# and adversaries that the tests use. Little else runs: no getty where the
# tests' lines go, no timers, and none of the steps of a first boot, each of
# which costs seconds under emulation.
#
# Programs of arm64 do not run here, so its packages are only unpacked, and what
# their scripts would have done is done here, as far as the tests need it. The
# package manager there knows of nothing; what cxlirqd depends on is in the disk.

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

# settle ROOT: as after the first boot of an installed machine
settle() {
	local root=$1 unit
	mkdir -p "$root/etc/default" "$root/etc/systemd/system" "$root/var/log/journal"
	echo cxlirq-guest >"$root/etc/hostname"
	echo '127.0.0.1 localhost cxlirq-guest' >"$root/etc/hosts"
	echo 5c2f0a4be6c24a53a1c4f3a8a0b7d9e1 >"$root/etc/machine-id"
	echo LANG=C.UTF-8 >"$root/etc/default/locale"
	ln -sf /usr/share/zoneinfo/Etc/UTC "$root/etc/localtime"
	for unit in $quiet; do
		ln -sf /dev/null "$root/etc/systemd/system/$unit"
	done
}

# Either way there are people: one in no group, and one for the group that may change things.

# complete ROOT: with its own programs
complete() {
	local root=$1
	chroot "$root" passwd -d root >/dev/null
	[ ! -e "$root/usr/sbin/irqbalance" ] || chroot "$root" systemctl --quiet disable irqbalance
	chroot "$root" useradd -m -s /bin/bash reader
	chroot "$root" useradd -m -s /bin/bash changer
	chroot "$root" systemd-hwdb update 2>/dev/null || true
	chroot "$root" journalctl --update-catalog
	chroot "$root" ldconfig
	# Debian 12 has no such steps at boot, and no such program.
	[ ! -x "$root/lib/systemd/systemd-update-done" ] ||
		chroot "$root" /lib/systemd/systemd-update-done
}

# complete_unpacked ROOT: with this machine's, and what the packages' scripts would have done
complete_unpacked() {
	local root=$1 stack user
	cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
	cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
	sed -i 's/^root:[^:]*:/root::/' "$root/etc/passwd"
	# udev's groups, and people
	mkdir -p "$root/etc/sysusers.d"
	printf 'g %s\n' input kvm render sgx >"$root/etc/sysusers.d/udev.conf"
	printf 'u %s - "" /home/%s /bin/bash\n' reader reader changer changer >"$root/etc/sysusers.d/people.conf"
	SYSTEMD_LOG_LEVEL=warning systemd-sysusers --root="$root"
	for user in reader changer; do
		mkdir -p "$root/home/$user"
		chown "$(awk -F: -v user="$user" '$1 == user { print $3 ":" $4 }' "$root/etc/passwd")" "$root/home/$user"
	done
	ln -s mawk "$root/usr/bin/awk"
	# A program that asks questions makes these from what there is. Here everybody may log in.
	for stack in account auth session session-noninteractive password; do
		echo "${stack%-*} required pam_permit.so" >"$root/etc/pam.d/common-$stack"
	done
	journalctl --update-catalog --root="$root"
}

# For mmdebstrap
case ${1:-} in
--merged)
	# As each Debian has had them when it was installed; a package that is only unpacked makes none.
	for directory in bin sbin lib; do
		mkdir -p "$2/usr/$directory"
		ln -s "usr/$directory" "$2/$directory"
	done
	exit
	;;
--complete | --complete-unpacked)
	settle "$2"
	case $1 in
	--complete) complete "$2" ;;
	*) complete_unpacked "$2" ;;
	esac
	exit
	;;
esac

packages=systemd,systemd-sysv,udev,dbus,kmod,util-linux,procps,iproute2,bash,less,curl,jq
packages=$packages,python3,python3-varlink
name=${1:-}
case ${2:-x86_64} in
x86_64) options=(--variant=minbase "--customize-hook=$here/disk.sh --complete \"\$1\"") ;;
arm64)
	name=$name-arm64
	packages=$packages,libbpf1,libcap2,libinih1,libjansson4,libmicrohttpd12,libncursesw6,libpci3
	packages=$packages,libsmartcols1,libsqlite3-0,libsystemd0,zlib1g
	# The same set as minbase
	options=(--variant=extract '--include=?essential' '--include=?priority(required)'
		--architectures=arm64 "--setup-hook=$here/disk.sh --merged \"\$1\""
		"--extract-hook=$here/disk.sh --complete-unpacked \"\$1\"")
	;;
*) name= ;;
esac
case $name in
# The newer of the two has varlinkctl with systemd; for the older one
# python3-varlink is in its backports.
bookworm | bookworm-arm64) suites=("deb $mirror bookworm main" "deb $mirror bookworm-backports main") ;;
# What moves interrupts is that of the newer one.
trixie)
	suites=("deb $mirror trixie main")
	packages=$packages,irqbalance,tuna
	;;
*)
	echo "usage: disk.sh bookworm | trixie [x86_64 | arm64]     (arm64: bookworm only)" >&2
	exit 2
	;;
esac

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
echo "disk.sh: making a Debian ($name) with systemd" >&2
printf '%s\n' "${suites[@]}" >"$work/sources"
mmdebstrap --quiet "${options[@]}" --include="$packages" --skip=cleanup/reproducible \
	--format=tar "$1" "$work/root.tar" - <"$work/sources" >&2 || die "mmdebstrap failed"
mkdir "$work/disk"
[ "${2:-x86_64}" != x86_64 ] || tar -xOf "$work/root.tar" ./var/lib/dpkg/status >"$work/disk/status"
# No journal: nobody keeps what is written. Who owns what is known within one fakeroot.
truncate -s 2G "$work/disk/root.ext4"
fakeroot -- sh -eu -c "mkdir '$work/root'
	tar -x -p -f '$work/root.tar' -C '$work/root'
	mke2fs -q -t ext4 -O ^has_journal -L cxlirq-root -d '$work/root' '$work/disk/root.ext4'" ||
	die "mke2fs failed"
mv -T "$work/disk" "$dest"
echo "disk.sh: made it in $((SECONDS - started)) s" >&2
echo "$dest"
