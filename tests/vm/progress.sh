# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Shows how far a long "make" is: to be sourced by kernel.sh.
#
# The steps that make prints ("  CC      kernel/fork.o") are counted against
# the number that the same build took before.  On a terminal one line is
# rewritten at least every two seconds, also while a single step (linking
# vmlinux, making its BTF) is long and prints nothing; elsewhere a line is
# printed each ten percent, so that a log stays readable.

# progress STEPS WHAT <BUILD_OUTPUT
progress() {
	local steps=$1 what=$2 line='' done=0 percent=0 shown=0 drawn=-2 started=$SECONDS status

	while :; do
		status=0
		IFS= read -r -t 2 line || status=$?
		if [ "$status" -eq 0 ]; then
			case $line in
			"  "[A-Z]*) done=$((done + 1)) ;;
			esac
		elif [ "$status" -le 128 ]; then
			break # end of file; above 128 it was the two seconds
		fi
		percent=$((done * 100 / steps))
		# The count is last time's: never claim to be done before it is.
		[ "$percent" -lt 99 ] || percent=99
		if [ -t 2 ]; then
			[ "$((SECONDS - drawn))" -ge 1 ] || continue
			drawn=$SECONDS
			printf '\r%s: %d%% after %d:%02d \e[K' "$what" "$percent" \
				$(((SECONDS - started) / 60)) $(((SECONDS - started) % 60)) >&2
		elif [ "$((percent / 10))" -gt "$((shown / 10))" ]; then
			shown=$percent
			printf '%s: %d%% after %d:%02d\n' "$what" "$percent" \
				$(((SECONDS - started) / 60)) $(((SECONDS - started) % 60)) >&2
		fi
	done
	[ ! -t 2 ] || printf '\r\e[K' >&2
}
