#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian guests, two at a time: guests.sh SUITE:KERNEL...
#
# An emulated machine uses one processor for all of its own, so that two of
# them take hardly longer than one on the smallest machine that builds the
# project. Each line says whose it is; run.sh has what there is to know.

set -u -o pipefail
here=$(cd "$(dirname "$0")" && pwd)

if [ "${1:-}" = --one ]; then
	name=${2/:debian/}
	"$here/run.sh" "${2%%:*}" "${2#*:}" 2>&1 |
		sed -u -E "s/^(ok|not ok|skip|#) /\\1 ${name/:/-}: /"
	exit
fi
[ $# -gt 0 ] || {
	echo "usage: guests.sh SUITE:KERNEL..." >&2
	exit 2
}
printf '%s\n' "$@" | xargs -P 2 -n 1 "$here/guests.sh" --one
