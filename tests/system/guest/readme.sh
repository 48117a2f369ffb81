# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What README tells to type on a real host, typed as it stands there by somebody
# who has just installed the package. (Building is done elsewhere; what it was
# for is installed.)

mapfile -t commands < <(awk '/^## On a real host/ { here = 1 }
	here && /^```/ { if (inside) exit; inside = 1; next }
	inside { sub(/ *#.*/, ""); if ($0 != "") print }' README.md)
check "README has commands" test "${#commands[@]}" -gt 8
cd /root || exit 1
for command in "${commands[@]}"; do
	status=0 goes_on=
	# graphviz is only suggested
	command=${command%%| dot *}
	case $command in
	# done already, or for a desktop
	make* | apt* | sudo* | xdg-open*) continue ;;
	*--follow* | *record* | *--replay* | *" stat "* | *" top")
		# These go on until they are ended.
		goes_on=124
		said=$(timeout -s INT 5 bash -c "$command" 2>&1 >/tmp/said) || status=$?
		;;
	*) said=$(timeout 60 bash -c "$command" 2>&1 >/tmp/said) || status=$? ;;
	esac
	# what is right, and has nothing to work on in this machine: one line says so
	without=
	case $command in
	"cxlirqctl counters stat "*) without="no CXL PMU on this host" ;;
	esac
	case $status in
	0 | 3 | "$goes_on") pass "README: $command" ;;
	1)
		if [ -n "$without" ] && [ "$(wc -l <<<"$said")" -eq 1 ] && [[ $said == *"$without"* ]]; then
			pass "README: $command (in one line: $said)"
		else
			fail "README: $command" "exit status 1: $said"
		fi
		;;
	*) fail "README: $command" "exit status $status: $said" ;;
	esac
done
rm -f host.trace host.svg /tmp/said
cd /run/cxlirq || exit 1
