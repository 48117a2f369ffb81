#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs one scenario on one kernel: makes the kernel, the image and the
# machine, in that order.
#   run.sh KERNEL SCENARIO [IMAGE_OPTION]... [-- HOST_OPTION...]
#   run.sh bench scenarios/selftest.sh -p build/cxlirqd -- --results /tmp/r
# (SCENARIO "-" is a shell on the console.)
#
# What a scenario needs stands in the scenario, so that nobody has to
# remember it; lines of the form
#   #: modules NAME...     loaded at boot, in this order
#   #: carry NAME...       kernel modules brought along, for modprobe
#   #: external NAME...    modules of tests/vm/modules, for insmod /lib/cxlirq/NAME.ko
#   #: programs NAME...    this machine's own: other witnesses, as perf, lspci, cxl
#   #: machine NAME        #: cpus N     #: timeout S     #: append WORD...
#   #: on KERNEL KEY ...   any of these for one kernel only; of two lines the later one holds
# msixtable (a second witness) and mover (an origin of changes) are in every image.
#
# When the run fails, the directory with the console's text and the files
# that came from the guest is kept and named.

set -eu -o pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=target.sh
. "$here/target.sh"

if [ $# -lt 2 ]; then
	echo "usage: run.sh KERNEL SCENARIO|- [IMAGE_OPTION]... [-- HOST_OPTION...]" >&2
	exit 2
fi
kernel_name=$1 scenario=$2
shift 2
image=() host=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	image+=("$1")
	shift
done
[ $# -eq 0 ] || shift

declare -A wants=([machine]=cxl)
[ "$kernel_name" != arm64 ] || wants[machine]=arm64
if [ "$scenario" = - ]; then
	# All that the machine has a driver for.
	wants[modules]="nvme virtio_net"
	[ "$kernel_name" = arm64 ] || wants[modules]="cxl_acpi cxl_pci cxl_port cxl_mem nvme virtio_net"
	host+=(--interactive)
else
	[ -r "$scenario" ] || {
		echo "run.sh: no such scenario: $scenario" >&2
		exit 2
	}
	while read -r _ key value; do
		if [ "$key" = on ]; then
			read -r on key value <<<"$value"
			[ "$on" = "$kernel_name" ] || continue
		fi
		case $key in
		modules | carry | external | programs | machine | cpus | timeout | append) wants[$key]=$value ;;
		*)
			echo "run.sh: $scenario: what is \"#: $key\"?" >&2
			exit 2
			;;
		esac
	done < <(grep '^#: ' "$scenario")
	image+=(-f "$scenario:/scenario")
fi
for module in ${wants[modules]:-}; do
	image+=(-m "$module")
done
for module in ${wants[carry]:-}; do
	image+=(-M "$module")
done
for program in ${wants[programs]:-}; do
	path=$(PATH=$PATH:/usr/sbin:/sbin command -v "$program") || {
		echo "run.sh: $scenario wants $program, which is not installed (tests/packages.sh vm)" >&2
		exit 1
	}
	image+=(-p "$path")
done
for key in machine cpus timeout append; do
	[ -z "${wants[$key]:-}" ] || host+=("--$key" "${wants[$key]}")
done

kernel=$("$here/kernel.sh" "$kernel_name")
target_of "$kernel"
if [ -n "${wants[external]:-}" ]; then
	fixtures=$("$here/modules.sh" "$kernel" - "$TARGET")
	for module in ${wants[external]}; do
		image+=(-f "$fixtures/$module.ko:/lib/cxlirq/$module.ko")
	done
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/cxlirq-vm.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
# shellcheck disable=SC2086  # no option without a sysroot
for program in msixtable mover; do
	"${PREFIX}gcc" ${SYSROOT:+--sysroot=$SYSROOT} -O2 -static -o "$work/$program" "$here/$program.c"
	image+=(-p "$work/$program")
done
"$here/image.sh" -o "$work/image" -k "$kernel" "${image[@]}"

started=$(date +%s%N)
status=0
"$here/host.py" --kernel "$kernel" --initrd "$work/image" --results "$work/results" \
	--console-log "$work/console.log" "${host[@]}" "$@" || status=$?
printf 'run.sh: %s on %s: %d.%d s\n' "$(basename "$scenario")" "$(cat "$kernel/release")" \
	$((($(date +%s%N) - started) / 1000000000)) \
	$((($(date +%s%N) - started) / 100000000 % 10)) >&2
if [ "$status" -ne 0 ]; then
	trap - EXIT
	rm -f "$work/image" "$work/msixtable" "$work/mover"
	echo "run.sh: kept in $work: console.log, results" >&2
fi
exit "$status"
