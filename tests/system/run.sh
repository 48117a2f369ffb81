#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Installs this tree's Debian package in a whole Debian guest with systemd as
# its first process, on one kernel, and tries all that an operator would:
#   run.sh SUITE KERNEL        bookworm | trixie; a name of tests/vm/kernel.sh
# The guest boots twice from one disk, which is thrown away:
#   install   a fresh guest; the package comes in by apt, and (on one release)
#             README's first steps are taken. On arm64, whose guest has no use
#             for a package manager (disk.sh), what "make install" makes comes in
#             instead, by README's commands for that
#   operate   the service is there because it was enabled; it is driven through
#             systemctl, journalctl, cxlirqctl and clients that were not
#             written here, and the package is purged (not on arm64, and there is
#             no upgrade by apt among its restarts)
# What is done there is in guest/: each file is a topic, and boots take them in
# the order of the lists below. INSTALL=install OPERATE="boot restart" have it
# take these only.
#
# When a boot fails, the directory with the console's text and the files that
# came from the guest is kept and named.

set -eu -o pipefail

here=$(cd "$(dirname "$0")" && pwd)
vm=$here/../vm
# shellcheck source-path=SCRIPTDIR source=../vm/target.sh
. "$vm/target.sh"

if [ $# -lt 2 ]; then
	echo "usage: run.sh SUITE KERNEL" >&2
	exit 2
fi
suite=$1 kernel_name=$2

# What udev finds by itself is brought along; the disk's are loaded first.
first="virtio_blk ext4"
along="nvme virtio_net autofs4 cxl_acpi cxl_pci cxl_port cxl_mem"

kernel=$("$vm/kernel.sh" "$kernel_name")
target_of "$kernel"
disk=$("$here/disk.sh" "$suite" "$TARGET")
# How this tree's programs come into the guest, and how they go
if [ "$TARGET" = x86_64 ]; then
	packages=$("$here/package.sh" "$suite") come=install go=purge
else
	packages='' come=make-install go=''
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/cxlirq-system.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
cp --sparse=always "$disk/root.ext4" "$work/root.ext4"

# What "make install" makes, in $work/made
make_install() {
	local build
	build=$(realpath "${BUILD:-build}")/$PROGRAMS
	env -u MAKEFLAGS -u MAKELEVEL -u BUILD make -C "$here/../.." BUILD="$build" CROSS_COMPILE="$PREFIX" \
		SYSROOT="$SYSROOT" PREFIX=/usr/local DESTDIR="$work/made" install >"$work/make.log" 2>&1 || {
		tail -n 20 "$work/make.log" >&2
		echo "run.sh: \"make install\" failed" >&2
		exit 1
	}
}
[ -n "$packages" ] || make_install

# What comes into the guest, in $work/files
bring() {
	rm -rf "$work/files"
	cp -r "$here/guest" "$work/files"
	cp "$here/../data/coverage/$kernel_name" "$work/files/coverage"
	cp "$here/../../README.md" "$work/files/README.md"
	if [ -n "$packages" ]; then
		cp -r "$packages" "$work/files/apt"
	else
		cp -r "$work/made" "$work/files/made"
	fi
	if [ "$kernel_name" = bench ]; then
		mkdir "$work/files/modules"
		cp "$("$vm/modules.sh" "$kernel")"/cxlirq_msi.ko "$work/files/modules/"
	fi
}

# Seconds of it that what has ended here has used: what a run costs, whatever else this machine does
processor() {
	awk -v ticks="$(getconf CLK_TCK)" '{ print int(($16 + $17) / ticks) }' "/proc/$$/stat"
}

# boot STAGE TOPIC...
boot() {
	local stage=$1 module status=0 started before
	local image=()
	shift
	mkdir -p "$work/$stage"
	# shellcheck disable=SC2086  # lists of names
	for module in $first; do image+=(-m "$module"); done
	# shellcheck disable=SC2086
	for module in $along; do image+=(-M "$module"); done
	bring
	printf '%s\n' "STAGE='$stage'" "TOPICS='$*'" "SUITE='$suite'" "KERNEL='$kernel_name'" >"$work/files/about"
	"$vm/image.sh" -o "$work/image" -k "$kernel" "${image[@]}" \
		-f "$here/init:/init" -f "$work/files:/cxlirq"
	started=$SECONDS before=$(processor)
	"$vm/host.py" --kernel "$kernel" --initrd "$work/image" --results "$work/$stage" \
		--console-log "$work/$stage/console.log" --timeout 1200 -- \
		-drive "file=$work/root.ext4,if=none,id=root,format=raw,cache=unsafe" \
		-device virtio-blk-pci,drive=root,bus=pcie.0 || status=$?
	echo "run.sh: $stage of $suite on $(cat "$kernel/release"): $((SECONDS - started)) s," \
		"$(($(processor) - before)) s of a processor" >&2
	return "$status"
}

failed=0
for stage in install operate; do
	case $stage in
	install)
		# What README tells is the same everywhere, and takes a minute.
		topics=$come
		[ "$suite:$come" != bookworm:install ] || topics="install readme"
		topics=${INSTALL:-$topics}
		;;
	operate)
		topics="boot clients access reload restart guard stop $go"
		# irqbalance and tuna are those of the newest release.
		[ "$suite" = trixie ] || topics=${topics/guard /}
		topics=${OPERATE:-$topics}
		;;
	esac
	# shellcheck disable=SC2086  # a list of names
	boot "$stage" $topics || {
		failed=1
		break
	}
done
if [ "$failed" -ne 0 ]; then
	trap - EXIT
	rm -rf "$work/image" "$work/files" "$work/root.ext4"
	echo "run.sh: kept in $work: console.log, results" >&2
fi
exit "$failed"
