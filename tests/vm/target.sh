# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What differs from one architecture of the virtual machines to the next: to
# be sourced by the scripts that build for them.
#
# target_of KERNELDIR: for the machine that this kernel (of kernel.sh) boots on
#   TARGET   x86_64 or arm64, the kernel's name for it
#   PROGRAMS where its programs are below the build folder (tests/tests.mk): "." on x86_64
#   PREFIX   of the cross tools' names; empty on x86_64, for it is this machine's
#   SYSROOT  where its libraries are; empty likewise: they are this machine's

target_of() {
	# shellcheck disable=SC2034  # for who sources this
	if grep -qx CONFIG_ARM64=y "$1/config"; then
		TARGET=arm64 PROGRAMS=arm64
		PREFIX=aarch64-linux-gnu-
		SYSROOT=$("$(dirname "${BASH_SOURCE[0]}")/sysroot.sh" arm64) || return 1
	else
		TARGET=x86_64 PROGRAMS=. PREFIX='' SYSROOT=''
	fi
}
