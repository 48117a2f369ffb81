#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Provides a kernel for the virtual machines and prints the directory that
# holds it: kernel.sh bench | arm64 | debian-7 | debian-6.12 | debian-6.1 | debian-rt | debian-arm64
#
#   vmlinuz config release package [System.map] lib/modules/RELEASE/...
#   build/        bench and arm64 only: what external modules are built against
#                 (make -C build M=..., with ARCH and CROSS_COMPILE as
#                 target.sh gives them), pruned as Debian's headers are, with
#                 the private headers of CXL, PCI and the interrupt core
#
# debian-* are Debian's own images, unpacked and not installed: what users
# run (debian-arm64 is 6.12 of that architecture, debian-rt 6.12 with PREEMPT_RT).
# bench is built here from the newest linux-source-7.x of Debian with
# tests/vm/kernel/x86_64.config over tinyconfig (which says what it is for);
# arm64 is the same for that architecture, with arm64.config, cross-built.
#
# All lives in ${CXLIRQ_CACHE:-${XDG_CACHE_HOME:-~/.cache}/cxlirq}.  A kernel
# is made in a temporary directory there and renamed when complete, so a
# directory with its final name is always whole; a lock for each name keeps
# two callers from building the same kernel twice.  The name of a kernel built here
# holds its source version and a checksum of its configuration.
# CXLIRQ_BENCH_SOURCE=linux-source-7.2 holds it at an older series.

set -eu -o pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=debian.sh
. "$here/debian.sh"
# shellcheck source-path=SCRIPTDIR source=progress.sh
. "$here/progress.sh"

cache=${CXLIRQ_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cxlirq}

# To be raised when what is kept of a build changes.
BENCH_RECIPE=1

# What the builds print, counted once; the next build uses the count of the
# last.
declare -A BENCH_STEPS=([bench]=2589 [arm64]=1700)

say() {
	echo "kernel.sh: $*" >&2
}

die() {
	say "$*"
	exit 1
}

# The newest complete kernel of this name, when no newer one can be made.
fall_back() {
	local old
	# shellcheck disable=SC2012  # names are ours, and the order wanted is by time
	old=$(ls -dt "$cache/kernels/$name"-*/ 2>/dev/null | head -n 1 || true)
	[ -n "$old" ] || die "$1, and no $name kernel is in $cache"
	say "$1: using the cached $(cat "$old/package"), whatever its configuration"
	echo "${old%/}"
	exit 0
}

# Prints the final directory if it is there.
finished() {
	[ -d "$1" ] || return 1
	touch -c "$1"
	echo "$1"
}

# What a killed run left behind goes first: the lock says that it is dead.
temporary() {
	mkdir -p "$cache/kernels" "$cache/tmp"
	rm -rf "$cache/tmp/$name".*
	work=$(mktemp -d "$cache/tmp/$name.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM HUP
}

# get_debian FLAVOUR SERIES SUITE...: from the first suite that has the series
get_debian() {
	local package=linux-image-$1 want=$2 suite version meta image part deb release file from
	export DEBIAN_ARCHITECTURE=${1#rt-}
	shift 2
	debian_open "$cache/apt/$name" "$@" || say "trying what is known from earlier"
	for suite in "$@"; do
		read -r version meta < <(debian_versions "$suite" "$package") || true
		case ${version:-} in "$want".*) break ;; esac
		version=
	done
	[ -n "$version" ] || fall_back "no $package $want found in Debian $*"
	image=$(debian_depends "$meta" "$version" | grep '^linux-image-' || true)
	[ -n "$image" ] || die "$package $version names no image"

	finished "$cache/kernels/$name-$version" && return
	say "downloading $image $version from Debian $suite"
	temporary
	release=${image#linux-image-}
	# Since 7.3 it is in several packages.
	for part in "$image" $(debian_depends "$image" "$version" | grep -F -e "-$release"); do
		deb=$(debian_download "$part" "$version" "$work/deb") ||
			fall_back "$part cannot be downloaded"
		dpkg-deb -x "$deb" "$work/image"
	done

	mkdir -p "$work/kernel/lib/modules"
	# /lib or /usr/lib, with the release.
	mv "$(find "$work/image" -type d -path "*/lib/modules/$release")" "$work/kernel/lib/modules/"
	# In /boot, or since 7.3 beside the modules.
	for file in vmlinuz config System.map; do
		from=$work/image/boot/$file-$release
		[ -e "$from" ] || from=$work/kernel/lib/modules/$release/$file
		[ ! -e "$from" ] || mv "$from" "$work/kernel/$file"
	done
	echo "$release" >"$work/kernel/release"
	echo "$image $version (Debian $suite)" >"$work/kernel/package"
	# Debian's image does this when it is installed.
	depmod -b "$work/kernel" "$release"
	mv -T "$work/kernel" "$cache/kernels/$name-$version"
	finished "$cache/kernels/$name-$version"
}

# Every line of the fragment must have survived, or a test would fail for a
# reason that nobody sees.
check_config() {
	local line option failed=0
	while read -r line; do
		case $line in
		CONFIG_*) option=${line%%=*} ;;
		"# CONFIG_"*" is not set") option=${line#\# } option=${option%% *} ;;
		*) continue ;;
		esac
		grep -qxF -- "$line" "$1" || {
			say "$option did not take effect: asked for \"$line\"," \
				"got \"$(grep -E "^(# )?${option}[= ]" "$1" || echo nothing)\""
			failed=1
		}
	done <"$fragment"
	[ "$failed" -eq 0 ] || die "$fragment: not all of it took effect"
}

# The stock rule for header packages prunes the tree; vmlinux is what the
# modules' BTF is made against; the private headers are for fixtures that
# stand in for a driver's hardware.  With CC as it is, the rule would build the
# programs of a cross-built tree anew, for a machine that builds on itself.
keep_build() {
	local dest=$work/kernel/build dir
	kbuild -s run-command \
		KBUILD_RUN_COMMAND="+CC=\$(HOSTCC) srctree=$work/source SRCARCH=$arch $work/source/scripts/package/install-extmod-build $dest"
	cp "$work/o/.config" "$dest/.config"
	"${cross}objcopy" --strip-debug "$work/o/vmlinux" "$dest/vmlinux"
	(
		cd "$work/source"
		for dir in drivers/cxl drivers/pci drivers/base drivers/perf drivers/irqchip \
			drivers/iommu kernel/irq; do
			find "$dir" -name '*.h'
		done | tar -c -f - -T -
	) | tar -x -f - -C "$dest"
}

kbuild() {
	make -C "$work/source" O="$work/o" ARCH="$arch" CROSS_COMPILE="$cross" "$@"
}

build_bench() {
	local source=$1 version=$2 dest=$3 deb release steps

	temporary
	say "downloading $source $version (160 MB)"
	deb=$(debian_download "$source" "$version" "$work/deb") ||
		fall_back "$source cannot be downloaded"
	say "unpacking it"
	mkdir "$work/source" "$work/o" "$work/kernel"
	dpkg-deb --fsys-tarfile "$deb" |
		tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		xz -dc -T0 | tar -x --strip-components=1 -C "$work/source" -f -
	rm -rf "$work/deb"

	kbuild -s tinyconfig >/dev/null
	ARCH=$arch "$work/source/scripts/kconfig/merge_config.sh" -m -O "$work/o" "$work/o/.config" \
		"$fragment" >/dev/null
	# tinyconfig of x86 is i386: this line would win over CONFIG_64BIT=y.
	sed -i '/^# CONFIG_64BIT is not set$/d' "$work/o/.config"
	kbuild -s olddefconfig >/dev/null
	check_config "$work/o/.config"

	steps=$(cat "$cache/$name.steps" 2>/dev/null || echo "${BENCH_STEPS[$name]}")
	say "building it with $(nproc) jobs; the log is $cache/$name.log"
	kbuild -j"$(nproc)" "$(basename "$image")" modules 2>&1 |
		tee "$cache/$name.log" | progress "$steps" "$name kernel" || {
		grep -E -B2 -A8 -m1 'error:|Error [0-9]|\*\*\*' "$cache/$name.log" >&2 || true
		die "the $name kernel did not build: see $cache/$name.log"
	}
	grep -c '^  [A-Z]' "$cache/$name.log" >"$cache/$name.steps"

	kbuild -s INSTALL_MOD_PATH="$work/kernel" INSTALL_MOD_STRIP=1 modules_install >&2
	release=$(cat "$work/o/include/config/kernel.release")
	rm -f "$work/kernel/lib/modules/$release/build" "$work/kernel/lib/modules/$release/source"
	cp "$work/o/$image" "$work/kernel/vmlinuz"
	cp "$work/o/.config" "$work/kernel/config"
	cp "$work/o/System.map" "$work/kernel/System.map"
	keep_build
	echo "$release" >"$work/kernel/release"
	echo "$source $version (built here)" >"$work/kernel/package"
	mv -T "$work/kernel" "$dest"
}

# get_bench ARCH CROSS_COMPILE IMAGE FRAGMENT
get_bench() {
	local arch=$1 cross=$2 image=$3 fragment=$here/kernel/$4
	local version source key dest suite started=$SECONDS

	debian_open "$cache/apt/$name" trixie-backports sid || say "trying what is known from earlier"
	for suite in trixie-backports sid; do
		read -r version source < <(debian_versions "$suite" \
			"${CXLIRQ_BENCH_SOURCE:-linux-source-7[.][0-9]+}") && break
		version=
	done
	[ -n "$version" ] || fall_back "no ${CXLIRQ_BENCH_SOURCE:-linux-source-7.x} found in Debian"
	key=$({
		echo "recipe $BENCH_RECIPE"
		grep -E '^(# )?CONFIG_' "$fragment"
	} | sha256sum | cut -c1-16)
	dest=$cache/kernels/$name-$version-$key
	finished "$dest" && return
	build_bench "$source" "$version" "$dest"
	say "built $(cat "$dest/release") in $((SECONDS - started)) s"
	finished "$dest"
}

case ${1:-} in
bench | arm64 | debian-7 | debian-6.12 | debian-6.1 | debian-rt | debian-arm64) name=$1 ;;
*)
	echo "usage: kernel.sh bench | arm64 | debian-7 | debian-6.12 | debian-6.1 | debian-rt | debian-arm64" >&2
	exit 2
	;;
esac

mkdir -p "$cache"
exec 9>"$cache/$name.lock"
flock -n 9 || {
	say "another process is preparing the $name kernel: waiting for it"
	flock 9
}

case $name in
bench) get_bench x86 '' arch/x86/boot/bzImage x86_64.config ;;
arm64) get_bench arm64 aarch64-linux-gnu- arch/arm64/boot/Image arm64.config ;;
debian-7) get_debian amd64 7 trixie-backports sid ;;
# Backports move on to the next series; trixie then still has this one.
debian-6.12) get_debian amd64 6.12 bookworm-backports trixie ;;
debian-6.1) get_debian amd64 6.1 bookworm ;;
debian-rt) get_debian rt-amd64 6.12 bookworm-backports trixie ;;
debian-arm64) get_debian arm64 6.12 bookworm-backports trixie ;;
esac
