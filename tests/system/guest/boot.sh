# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The service is there because the machine was started: as whom it runs, with
# what rights, what it says, and whether it sees all that this kernel gives.

# The daemon and the process that reads config space keep one set each, and nothing beside it.
CAPABILITIES_DAEMON=000000c000000000 # CAP_PERFMON, CAP_BPF
CAPABILITIES_READER=0000000000200000 # CAP_SYS_ADMIN

# status_of PID FIELD
status_of() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr '\t' ' '
}

# rights PID NAME CAPABILITIES
rights() {
	local user group
	user=$(id -u cxlirqd) group=$(id -g cxlirqd)
	same "user of the $2" "$(status_of "$1" Uid)" "$user $user $user $user"
	same "group of the $2" "$(status_of "$1" Gid)" "$group $group $group $group"
	same "groups of the $2" "$(status_of "$1" Groups | tr -d ' ')" "$(id -G cxlirqd)"
	same "capabilities of the $2, effective" "$(status_of "$1" CapEff)" "$3"
	same "capabilities of the $2, permitted" "$(status_of "$1" CapPrm)" "$3"
	same "capabilities of the $2, inheritable" "$(status_of "$1" CapInh)" 0000000000000000
	same "capabilities of the $2, ambient" "$(status_of "$1" CapAmb)" 0000000000000000
	same "no new privileges in the $2" "$(status_of "$1" NoNewPrivs)" 1
	same "system calls of the $2 are filtered" "$(status_of "$1" Seccomp)" 2
}

same "active" "$(systemctl is-active cxlirqd)" active
check "systemctl status" systemctl --no-pager status cxlirqd
same "no restart so far" "$(value NRestarts)" 0
type=notify-reload
[ "$SUITE" != bookworm ] || type=notify
same "type of the service" "$(value Type)" "$type"
same "nothing failed" "$(systemctl --failed --no-legend | tr -d '\n')" ""

# --- processes ----------------------------------------------------------------

pid=$(main_pid)
rights "$pid" daemon "$CAPABILITIES_DAEMON"
while read -r other; do
	[ "$other" = "$pid" ] || rights "$other" "reader of config space" "$CAPABILITIES_READER"
done <"/sys/fs/cgroup$(value ControlGroup)/cgroup.procs"
same "processes" "$(wc -l <"/sys/fs/cgroup$(value ControlGroup)/cgroup.procs")" 2

# --- places -------------------------------------------------------------------

# place PATH "KIND OWNER:GROUP MODE"
place() {
	same "$1" "$(stat -c '%F %U:%G %a' "$1" 2>&1)" "$2"
}
place /run/cxlirqd/io.cxlirqd "socket root:root 666"
place /run/cxlirqd/affinity "socket cxlirqd:cxlirqd 600"
place /run/systemd/report/io.cxlirqd "socket root:root 666"
place /run/systemd/report "directory root:root 755"
place /var/lib/cxlirqd "directory cxlirqd:cxlirqd 755"
place /var/lib/cxlirqd/history.db "regular file cxlirqd:cxlirqd 600"
place /sys/fs/bpf/cxlirqd "directory cxlirqd:cxlirqd 700"
# What a user who is nobody in particular can do with them
check "the reader may ask" su reader -c "cxlirqctl status"
same "the reader sees no pins" "$(su reader -c "ls /sys/fs/bpf/cxlirqd 2>&1 | wc -l")" 1

# --- what it says -------------------------------------------------------------

check "start in the journal" grep -q "listening on /run/cxlirqd/io.cxlirqd" \
	<(journalctl -b -u cxlirqd --no-pager -o cat)
same "warnings in the journal" "$(journalctl -b -u 'cxlirqd*' -p warning --no-pager -o cat | head -n 3)" ""
check "catalog" journalctl --catalog --no-pager --dump-catalog 8abb127bbce74eadb85c33fb79f4dca9
note "$(value StatusText)"

# --- what it sees -------------------------------------------------------------

check "healthy" healthy
cxlirqctl support --json >/tmp/support.json
jq -r '"mode \(.mode)", ((.hooks + .features)[] |
	"\(if .attached then "yes" else "no " end) \(.hook) \(.reason // "")")' \
	/tmp/support.json >/tmp/coverage
if differences=$(diff <(sed 's/ *$//' coverage) <(sed 's/ *$//' /tmp/coverage)); then
	pass "hooks of this kernel, each"
else
	fail "hooks of this kernel, each" "$differences"
fi
# Which of README's kernels this is, and what this machine has
architecture=amd64 memories=2
[ "$(uname -m)" != aarch64 ] || architecture=arm64 memories=0 # QEMU has no CXL there
version=$(uname -r | cut -d. -f1,2)
# the newest that the backports have, whichever README was written with
[ "$KERNEL" != debian-7 ] || version='7[.][0-9]+'
row="Debian $version [(]$architecture"
[ "$KERNEL" != bench ] || row=GENERIC_IRQ_DEBUGFS
promised=$(awk -F'|' -v row="$row" '$2 ~ row { print $3 + 0 }' README.md)
same "hooks of this kernel, as README has it" \
	"$(jq '[.hooks[] | select(.attached)] | length' /tmp/support.json)" "$promised"
same "CXL memory devices in the ledger" \
	"$(cxlirqctl devices --json | jq '[.[] | select(.driver == "cxl_pci")] | length')" "$memories"

# --- the unit, as systemd judges it ---------------------------------------------

check "systemd-analyze verify" systemd-analyze verify --man=no cxlirqd.service cxlirqd.socket \
	cxlirqd-metrics.socket cxlirqd-report.socket cxlirqd-bpffs.service \
	cxlirqd-affinity.socket cxlirqd-affinity.service
check "systemd-analyze security, 2.0 at most" systemd-analyze security --no-pager --threshold=20 cxlirqd.service
note "$(systemd-analyze security --no-pager cxlirqd.service | tail -n 1)"
