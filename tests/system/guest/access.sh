# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Reading is for everyone, changing for root and the group cxlirq.

# refused NAME USER COMMAND...: it fails at run time, and says that it may not
refused() {
	local name=$1 user=$2 said status=0
	shift 2
	said=$(su "$user" -c "$*" 2>&1) || status=$?
	if [ "$status" -eq 1 ] && grep -qi 'permission\|not permitted\|denied' <<<"$said"; then
		pass "$name"
	else
		fail "$name" "exit status $status: $said"
	fi
}

usermod -aG cxlirq changer
for verb in status vectors devices domains violations "events" "support" "counters list" "metrics"; do
	said=$(su reader -c "cxlirqctl --no-pager $verb" 2>&1 >/dev/null) || [ $? -eq 3 ] ||
		fail "reader: $verb" "$said"
done
pass "a user reads"
refused "a user may not reload" reader cxlirqctl reload
refused "a user may not set the log level" reader cxlirqctl log-level debug
refused "a user may not acknowledge" reader cxlirqctl ack 1
refused "a user may not count" reader timeout 10 cxlirqctl counters stat -e m2s_req_memrd

check "a member reloads" su changer -c "cxlirqctl reload"
check "a member sets the log level" su changer -c "cxlirqctl log-level debug"
same "the log level is set" "$(cxlirqctl log-level)" debug
check "root sets the log level" cxlirqctl log-level info
same "a member acknowledges, and only what there is" \
	"$(su changer -c "cxlirqctl ack 999999" 2>&1 | grep -c 999999)" 1

# A violation is there to be acknowledged where the fixtures are (tests/vm/modules): a parent that
# promises not to rewrite messages, and does.
if [ -e modules/cxlirq_msi.ko ]; then
	msi=/sys/kernel/debug/cxlirq_msi
	open_violations() {
		cxlirqctl status --json | jq .violations_open
	}
	violated() {
		[ "$(open_violations)" -gt 0 ]
	}

	check "insmod" insmod modules/cxlirq_msi.ko
	echo 1 >$msi/immutable
	echo "add liar 2" >$msi/control
	echo Y >$msi/follow
	change_affinity "$(awk '$2 == "liar" { print $1; exit }' $msi/vectors)"
	echo N >$msi/follow
	check "a broken promise is a violation" await 30 violated
	cxlirqctl violations >/tmp/violations
	same "exit status with an open violation" "$?" 3
	check "it is in the journal" grep -q "MSI_IMMUTABLE" \
		<(journalctl -b -u cxlirqd -p err --no-pager -o cat)
	check "and in the metrics" grep -q '^cxlirq_violations_open{rule="immutable-message-changed",severity="critical"} 1$' \
		<(curl -sS http://127.0.0.1:9967/metrics)
	number=$(cxlirqctl violations --json | jq '.[0].id')
	refused "a user may not acknowledge it" reader cxlirqctl ack "$number"
	same "so it stays" "$(open_violations)" 1
	check "a member acknowledges it" su changer -c "cxlirqctl ack $number"
	same "so it is closed" "$(open_violations)" 0
	check "healthy again" healthy
fi
