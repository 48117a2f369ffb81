#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Installs what the build, the checks and the virtual machines need on a bare
# Debian 12, and nothing else: packages.sh GROUP... (build, check, vm, arm64, export,
# package, system, bench).
# packages.sh --list GROUP prints what the group is.
#
# A fresh machine has nothing installed by hand, so the lists below are the
# one complete statement of what the project stands on.  What is already
# there is left alone (dpkg-query answers without root), so that a complete
# machine costs some milliseconds, prints nothing, and needs no root.
#
# Two things do not come from bookworm itself: QEMU, since 7.2 has no volatile CXL memory
# and no event injection (10.x of both: the two share files), and the varlink client for
# Python, which it does not have.  They are taken from
# bookworm-backports, which is added as a source of its own.  Backports are
# pinned low by Debian (ButAutomaticUpgrades), so that adding the source
# changes no other package.

set -eu
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

BACKPORTS=/etc/apt/sources.list.d/cxlirq-backports.sources
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
QEMU_MINIMUM=1:10

declare -A WHY=(
	[build]="to build cxlirqd and cxlirqctl"
	[check]="to run the checks and unit tests"
	[vm]="to build the test kernels and boot the virtual machines"
	[arm64]="to build for arm64 and boot its virtual machine"
	[export]="to test the exporter, its page and the full-screen view"
	[package]="to make the Debian package"
	[system]="to check the Debian package and to make whole Debian guests"
	[bench]="to measure what it costs, and what others cost"
)

declare -A PACKAGES=(
	[build]="gcc libc6-dev make pkg-config clang llvm bpftool
		libbpf-dev libelf-dev zlib1g-dev linux-libc-dev
		libsystemd-dev libjansson-dev libcap-dev libsmartcols-dev
		libpci-dev libinih-dev uthash-dev libmicrohttpd-dev
		libsqlite3-dev libncurses-dev"
	[check]="libcmocka-dev clang clang-format libclang-rt-dev
		cppcheck shellcheck mandoc python3 git xz-utils util-linux
		pciutils"
	[vm]="ca-certificates debian-archive-keyring apt dpkg
		gcc libc6-dev make bc flex bison libelf-dev libssl-dev dwarves
		perl python3 rsync tar gzip xz-utils zstd cpio kmod util-linux
		busybox-static libc-bin qemu-system-x86
		pciutils linux-perf ndctl"
	# The C library of that machine is in its sysroot (tests/vm/sysroot.sh).
	[arm64]="gcc-aarch64-linux-gnu binutils qemu-system-arm device-tree-compiler"
	# Clients that were not written here.  Prometheus comes by itself
	# (tests/prometheus.sh): its package would start a service.
	[export]="chromium curl python3-prometheus-client python3-websocket
		python3-varlink
		python3-yaml graphviz tmux bash-completion zsh fish less groff-base"
	[package]="build-essential debhelper dpkg-dev"
	[system]="lintian mmdebstrap e2fsprogs fakeroot systemd"
	# Peers that are services are unpacked only (tests/bench/peers.sh); the libraries are theirs.
	[bench]="libbpf-tools bpftrace libglib2.0-0 libcap-ng0 libnuma1"
)

die() {
	echo "packages.sh: $*" >&2
	exit 1
}

# The installed version, or nothing.
installed() {
	dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null |
		sed -n 's/^installed //p' | head -n 1
}

is_qemu() {
	case $1 in
	qemu-system-*) return 0 ;;
	esac
	return 1
}

is_backport() {
	is_qemu "$1" || [ "$1" = python3-varlink ]
}

missing_of() {
	local package version
	for package in ${PACKAGES[$1]}; do
		version=$(installed "$package")
		if [ -z "$version" ]; then
			echo "$package"
		elif is_qemu "$package" &&
			dpkg --compare-versions "$version" lt "$QEMU_MINIMUM"; then
			echo "$package"
		fi
	done
}

# A version that could be installed now (from any suite), or nothing.
available() {
	apt-cache madison "$1" 2>/dev/null |
		awk -v FS=' *[|] *' '{ print $2 }' | sort -V | tail -n 1
}

# Lists may be absent (fresh image), or older than the source just added.
lists_suffice() {
	local package
	for package in "$@"; do
		[ -n "$(available "$package")" ] || return 1
		if is_qemu "$package"; then
			dpkg --compare-versions "$(available "$package")" \
				ge "$QEMU_MINIMUM" || return 1
		fi
	done
}

# Sources of the administrator's that are out of reach are none of our
# business: the lists are judged by what they then offer, not by the exit
# status of the update.
update_lists() {
	echo "packages.sh: reading the package lists (apt-get update)"
	apt-get -qq -o Acquire::Retries=3 update >&2 || true
}

add_backports() {
	[ -e "$BACKPORTS" ] && return
	[ -r "$KEYRING" ] || die "$KEYRING is missing: cannot verify bookworm-backports"
	echo "packages.sh: adding bookworm-backports as $BACKPORTS, for $*"
	cat >"$BACKPORTS" <<-END
		# Added by cxlirq's tests/packages.sh, for $*.
		Types: deb
		URIs: http://deb.debian.org/debian
		Suites: bookworm-backports
		Components: main
		Signed-By: $KEYRING
	END
}

# Fresh lists can name a version that the mirror has since replaced: one
# update and one more try tell that case from a real failure.
install_packages() {
	local log
	local -a install=(apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300
		--no-install-recommends install)
	log=$(mktemp)
	if ! "${install[@]}" "$@" >"$log" 2>&1; then
		update_lists
		if ! "${install[@]}" "$@" >"$log" 2>&1; then
			tail -n 20 "$log" >&2
			rm -f "$log"
			die "apt-get could not install: $*"
		fi
	fi
	rm -f "$log"
}

install_group() {
	local group=$1 package
	local -a missing plain backports
	mapfile -t missing < <(missing_of "$group")
	[ "${#missing[@]}" -gt 0 ] || return 0

	[ "$(id -u)" -eq 0 ] ||
		die "not root, and these packages are missing ${WHY[$group]}: ${missing[*]}"

	plain=() backports=()
	for package in "${missing[@]}"; do
		if is_backport "$package"; then
			backports+=("$package")
		else
			plain+=("$package")
		fi
	done
	[ "${#backports[@]}" -eq 0 ] || lists_suffice "${backports[@]}" ||
		add_backports "${backports[@]}"
	lists_suffice "${missing[@]}" || update_lists
	lists_suffice "${missing[@]}" ||
		die "apt knows no source for some of: ${missing[*]}"

	echo "packages.sh: installing ${WHY[$group]}: ${missing[*]}"
	[ "${#plain[@]}" -eq 0 ] || install_packages "${plain[@]}"
	if [ "${#backports[@]}" -gt 0 ]; then
		case $(available "${backports[0]}") in
		*~bpo*) install_packages -t bookworm-backports "${backports[@]}" ;;
		*) install_packages "${backports[@]}" ;;
		esac
	fi

	mapfile -t missing < <(missing_of "$group")
	[ "${#missing[@]}" -eq 0 ] || die "still missing after the installation: ${missing[*]}"
}

[ $# -gt 0 ] || {
	echo "usage: packages.sh [--list] GROUP...   (groups: ${!PACKAGES[*]})" >&2
	exit 2
}
list=false
if [ "$1" = --list ]; then
	list=true
	shift
fi
for group in "$@"; do
	[ -n "${PACKAGES[$group]:-}" ] || {
		echo "packages.sh: no such group: $group (there are: ${!PACKAGES[*]})" >&2
		exit 2
	}
done
for group in "$@"; do
	if $list; then
		tr -s '[:space:]' '\n' <<<"${PACKAGES[$group]}"
	else
		install_group "$group"
	fi
done
