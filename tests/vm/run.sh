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
#   #: built NAME...       made for it from NAME.c in this directory
#   #: machine NAME        #: cpus N     #: timeout S     #: append WORD...
#   #: qemu WORD...        arguments for QEMU itself
#   #: on WHAT KEY ...     any of these for one kernel only, or all of an architecture (x86_64,
#                          arm64: target.sh), or those "built" here; of two lines the later one holds
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

[ "$scenario" = - ] || [ -r "$scenario" ] || {
	echo "run.sh: no such scenario: $scenario" >&2
	exit 2
}

kernel=$("$here/kernel.sh" "$kernel_name")
target_of "$kernel"
origin=packaged
[ ! -d "$kernel/build" ] || origin=built

declare -A wants
if [ "$scenario" = - ]; then
	# All that the machine has a driver for.
	wants[modules]="nvme virtio_net"
	[ "$TARGET" = arm64 ] || wants[modules]="cxl_acpi cxl_pci cxl_port cxl_mem nvme virtio_net"
	host+=(--interactive)
else
	while read -r _ key value; do
		if [ "$key" = on ]; then
			read -r on key value <<<"$value"
			case $on in
			"$kernel_name" | "$TARGET" | "$origin") ;;
			*) continue ;;
			esac
		fi
		case $key in
		modules | carry | external | programs | built | machine | cpus | timeout | append | qemu)
			wants[$key]=$value
			;;
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

if [ -n "${wants[external]:-}" ]; then
	fixtures=$("$here/modules.sh" "$kernel" - "$TARGET")
	for module in ${wants[external]}; do
		image+=(-f "$fixtures/$module.ko:/lib/cxlirq/$module.ko")
	done
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/cxlirq-vm.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
built=(msixtable mover)
read -ra words <<<"${wants[built]:-}"
built+=("${words[@]}")
# shellcheck disable=SC2086  # no option without a sysroot
for program in "${built[@]}"; do
	"${PREFIX}gcc" ${SYSROOT:+--sysroot=$SYSROOT} -O2 -static -o "$work/$program" "$here/$program.c"
	image+=(-p "$work/$program")
done
"$here/image.sh" -o "$work/image" -k "$kernel" "${image[@]}"

# behind what the caller has for QEMU, or after a "--" of its own
qemu=()
read -ra words <<<"${wants[qemu]:-}"
if [ ${#words[@]} -gt 0 ]; then
	case " $* " in
	*" -- "*) ;;
	*) qemu+=(--) ;;
	esac
	qemu+=("${words[@]}")
fi

started=$(date +%s%N)
status=0
"$here/host.py" --kernel "$kernel" --initrd "$work/image" --results "$work/results" \
	--console-log "$work/console.log" "${host[@]}" "$@" "${qemu[@]}" || status=$?
printf 'run.sh: %s on %s: %d.%d s\n' "$(basename "$scenario")" "$(cat "$kernel/release")" \
	$((($(date +%s%N) - started) / 1000000000)) \
	$((($(date +%s%N) - started) / 100000000 % 10)) >&2
if [ "$status" -ne 0 ]; then
	trap - EXIT
	rm -f "$work/image" "${built[@]/#/$work/}"
	echo "run.sh: kept in $work: console.log, results" >&2
fi
exit "$status"
