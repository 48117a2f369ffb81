#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds the fixtures in tests/vm/modules for a kernel that kernel.sh made and
# prints the directory that holds NAME.ko:
#   modules.sh KERNELDIR [OUTDIR|- [ARCH]]
#
# They are kept in the cache, under a checksum of what they are made from; with
# an OUTDIR they are also copied there.  The build is silent unless it fails or
# warns.  ARCH is the kernel's name for it (by default, what the kernel was
# configured for); another one than this machine's is built with CROSS_COMPILE,
# or Debian's name for that compiler.

set -eu -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
cache=${CXLIRQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cxlirq}

if [ $# -lt 1 ] || [ $# -gt 3 ]; then
	echo "usage: modules.sh KERNELDIR [OUTDIR|- [ARCH]]" >&2
	exit 2
fi
kernel=$(cd "$1" && pwd) out=${2:--} arch=${3:-}
[ -d "$kernel/build" ] || {
	echo "modules.sh: $kernel has no build directory: not a bench kernel" >&2
	exit 1
}
if [ -z "$arch" ]; then
	if grep -qx 'CONFIG_ARM64=y' "$kernel/config"; then arch=arm64; else arch=x86_64; fi
fi
tools=("ARCH=$arch") prefix=
if [ "$arch" = arm64 ] && [ "$(uname -m)" != aarch64 ]; then
	prefix=${CROSS_COMPILE:-aarch64-linux-gnu-}
	tools+=("CROSS_COMPILE=$prefix")
fi

key=$({
	echo "$arch $(basename "$kernel")"
	sha256sum "$0" "$kernel/config" | cut -d' ' -f1
	cd "$here/modules"
	sha256sum -- *
} | sha256sum | cut -c1-16)
dest=$cache/modules/$(basename "$kernel")-$key

mkdir -p "$cache/modules" "$cache/tmp"
exec 9>"$cache/modules.lock"
flock 9
if [ ! -d "$dest" ]; then
	# What a killed run left behind: the lock says that it is dead.
	rm -rf "$cache/tmp"/modules.*
	work=$(mktemp -d "$cache/tmp/modules.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM HUP
	cp "$here/modules"/* "$work"
	make -s -C "$kernel/build" M="$work" W=1 "${tools[@]}" modules >"$work/log" 2>&1 || {
		cat "$work/log" >&2
		exit 1
	}
	# Nothing is said twice about a thing that is the same in every run.
	grep -v '^Skipping BTF generation' "$work/log" >&2 || true
	mkdir "$work/done"
	for module in "$work"/*.ko; do
		"${prefix}strip" --strip-debug -o "$work/done/${module##*/}" "$module"
	done
	mv -T "$work/done" "$dest"
fi
touch -c "$dest"
if [ "$out" != - ]; then
	mkdir -p "$out"
	cp "$dest"/*.ko "$out"
	dest=$out
fi
echo "$dest"
