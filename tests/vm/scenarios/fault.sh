#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Goes wrong on purpose, in the way that "fault=" on the kernel's command
# line says (the kernel hands such words to init as environment variables):
# host-test.py runs it to see that the host notices.  A bed that overlooks a
# broken kernel would make every test on it worthless.
#
#: machine cxl

. /guest.sh

pass "before the fault"
# shellcheck disable=SC2154  # from the kernel's command line
case $fault in
panic) echo c >/proc/sysrq-trigger ;;
# As the kernel prints it; the console is not shown this one, its log holds it.
hidden-splat) echo '<6>BUG: sleeping function called from invalid context at a/file.c:1' >/dev/kmsg ;;
# A program may print what it likes.
innocent) echo 'WARNING: this is no kernel message' ;;
off) poweroff -f ;;
hang) sleep 1000 ;;
status) exit 7 ;;
quit) qmp '{"execute": "quit"}' ;;
reason) fail "its-name" "a reason
	of two lines" ;;
evil)
	mkdir /tmp/evil && ln -s /etc/passwd /tmp/evil/link
	tar -c -f /tmp/evil.tar -C /tmp/evil .
	guest_ask result "$(stat -c %s /tmp/evil.tar)" /tmp/evil.tar >/tmp/answer
	fail "evil-archive" "$(cat /tmp/answer)"
	;;
*) fail "fault" "no such fault: $fault" ;;
esac
