#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds the initramfs of a virtual machine:
#   image.sh -o OUT.cpio.gz -k KERNELDIR [-m MODULE]... [-M MODULE]...
#            [-p PROGRAM[:DEST]]... [-f FILE:DEST]...
#
#   -m  a kernel module, loaded at boot, in the order given
#   -M  a kernel module that is only brought along, for a later modprobe
#   -p  a program with the shared libraries that it needs, as /bin/NAME or DEST
#   -f  a file or directory as DEST; the test itself is -f FILE:/scenario
#
# The whole user space is one busybox, init (see there), guest.sh (what
# scenarios are written with) and what the caller names: it boots in seconds
# under emulation and holds nothing that the test did not ask for.  Modules
# are looked up by kmod in the kernel's own directory, so that dependencies,
# soft dependencies and what is built in are judged as on a real system; they
# are unpacked, because busybox does not read compressed modules.
# A module that the kernel has in no form is an error.
#
# For a kernel of another architecture the user space is that of its libraries'
# directory (sysroot.sh), and so must the programs be.

set -eu -o pipefail
export LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=target.sh
. "$here/target.sh"

# What the bed itself talks through.
BED_MODULES="virtio_pci virtio_console"

die() {
	echo "image.sh: $*" >&2
	exit 1
}

usage() {
	echo "usage: image.sh -o OUT.cpio.gz -k KERNELDIR [-m MODULE]... [-M MODULE]..." \
		"[-p PROGRAM[:DEST]]... [-f FILE:DEST]..." >&2
	exit 2
}

# put FILE DEST: DEST is a path in the image; a symbolic link is followed.
put() {
	[ -e "$1" ] || die "no such file: $1"
	case $2 in
	/*) ;;
	*) die "not an absolute path in the image: $2" ;;
	esac
	mkdir -p "$root$(dirname "$2")"
	if [ -d "$1" ]; then
		mkdir -p "$root$2"
		cp -a "$1/." "$root$2/"
	else
		cp -L "$1" "$root$2"
	fi
}

# What ldd does, for a program that cannot run here.
put_foreign_libraries() {
	local name file
	for name in $(readelf -l "$1" | sed -n 's/.*program interpreter: \(.*\)]/\1/p'); do
		[ -e "$root$name" ] || put "$SYSROOT$name" "$name"
	done
	for name in $(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)]/\1/p'); do
		file=/usr/lib/${PREFIX%-}/$name
		# The interpreter is a library too, and is there.
		[ -e "$SYSROOT$file" ] || die "$1 lacks a library: $SYSROOT has no $name"
		if [ ! -e "$root$file" ]; then
			put "$SYSROOT$file" "$file"
			put_foreign_libraries "$SYSROOT$file"
		fi
	done
}

# A static program has no libraries, and ldd says so by failing.
put_program() {
	local program=$1 dest=$2 listing library
	[ -f "$program" ] || die "no such program: $program"
	put "$program" "$dest"
	chmod 755 "$root$dest"
	if [ -n "$SYSROOT" ]; then
		put_foreign_libraries "$program"
		return
	fi
	listing=$(ldd "$program" 2>/dev/null) || return 0
	case $listing in
	*"not found"*) die "$program lacks a library: $(grep 'not found' <<<"$listing")" ;;
	esac
	while read -r library; do
		[ -e "$root$library" ] || put "$library" "$library"
	done < <(sed -n -E 's/^[^/]*(\/[^ ]+) \(0x.*/\1/p; s/.*=> (\/[^ ]+) \(0x.*/\1/p' <<<"$listing" |
		sort -u)
}

put_module() {
	local listing kind file dest
	listing=$(modprobe -C /dev/null -d "$kernel" -S "$release" --show-depends "$1" 2>&1) ||
		die "the kernel $release has no module $1: $listing"
	while read -r kind file _; do
		[ "$kind" = insmod ] || continue # else it is built in
		dest=$root/lib/modules/$release/${file#"$kernel/lib/modules/$release/"}
		mkdir -p "$(dirname "$dest")"
		case $file in
		*.xz) xz -dc "$file" >"${dest%.xz}" ;;
		*.zst) zstd -dcq "$file" >"${dest%.zst}" ;;
		*.gz) gzip -dc "$file" >"${dest%.gz}" ;;
		*) cp "$file" "$dest" ;;
		esac
	done <<<"$listing"
}

out='' kernel='' load=$BED_MODULES
modules=() programs=() files=()
while getopts o:k:m:M:p:f: option; do
	case $option in
	o) out=$OPTARG ;;
	k) kernel=${OPTARG%/} ;;
	m)
		modules+=("$OPTARG")
		load="$load $OPTARG"
		;;
	M) modules+=("$OPTARG") ;;
	p) programs+=("$OPTARG") ;;
	f) files+=("$OPTARG") ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
if [ $# -gt 0 ] || [ -z "$out" ] || [ -z "$kernel" ]; then
	usage
fi
[ -r "$kernel/release" ] || die "$kernel is no directory that kernel.sh made"
release=$(cat "$kernel/release")
target_of "$kernel" || die "no libraries for the architecture of $kernel"
busybox=$(command -v busybox) || die "busybox-static is not installed (tests/packages.sh vm)"
! ldd "$busybox" >/dev/null 2>&1 ||
	die "$busybox is not the static one (package busybox-static)"
# The same of another architecture has the same applets, but cannot say so here.
applets=$("$busybox" --list)
flock=$(command -v flock)
if [ -n "$SYSROOT" ]; then
	busybox=$SYSROOT/bin/busybox
	flock=$SYSROOT/usr/bin/flock
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/cxlirq-image.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
root=$work/root
mkdir -p "$root"/{bin,dev,etc,proc,root,run,sys,tmp,var/lib,lib/modules/"$release"}
for directory in sbin usr/bin usr/sbin; do
	mkdir -p "$root/$(dirname "$directory")"
	ln -s /bin "$root/$directory"
done

put "$busybox" /bin/busybox
for applet in $applets; do
	[ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
done
# Debian's busybox is built without this one, which guest.sh stands on.
rm -f "$root/bin/flock"
put_program "$flock" /bin/flock
put "$here/init" /init
put "$here/guest.sh" /guest.sh
put "$here/collect.sh" /collect.sh
chmod 755 "$root/init"
echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
tr ' ' '\n' <<<"$load" >"$root/etc/modules"

for module in $BED_MODULES "${modules[@]}"; do
	put_module "$module"
done
for list in order builtin builtin.modinfo; do
	put "$kernel/lib/modules/$release/modules.$list" "/lib/modules/$release/modules.$list"
done
depmod -b "$root" "$release"

for item in "${programs[@]}"; do
	program=${item%%:*}
	case $item in
	*:*) dest=${item#*:} ;;
	*) dest=/bin/${program##*/} ;;
	esac
	# A busybox applet of that name gives way.
	rm -f "$root$dest"
	put_program "$program" "$dest"
done
for item in "${files[@]}"; do
	case $item in
	?*:/*) put "${item%:*}" "${item##*:}" ;;
	*) die "-f wants FILE:DEST, not $item" ;;
	esac
done

mkdir -p "$(dirname "$out")"
(cd "$root" && find . -mindepth 1 | sort | cpio -o -H newc -R 0:0 --quiet) |
	gzip -1 >"$work/image"
mv "$work/image" "$out"
