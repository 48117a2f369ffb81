# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guard against what moves interrupts on a real machine: Debian's irqbalance
# (as its own unit runs it, and told by the policy script), tuna, a shell; a pin;
# a CPU that goes and comes; and that nothing is denied any more when the daemon
# is gone, in whatever way.
#
# Two devices whose interrupts can be moved play in it: one is protected ("kept"),
# one is not ("free"). What irqbalance would do to them is found out first,
# without the guard.

cpu1=/sys/devices/system/cpu/cpu1/online
args=/etc/default/irqbalance
cp $args /tmp/irqbalance

# affinity IRQ...: of each, in a line
affinity() {
	local irq
	for irq in "$@"; do
		cat "/proc/irq/$irq/smp_affinity_list"
	done
}

# place_all CPUS IRQ...
place_all() {
	local cpus=$1 irq
	shift
	for irq in "$@"; do
		echo "$cpus" >"/proc/irq/$irq/smp_affinity_list" || fail "place" "interrupt $irq, CPUs $cpus"
	done
}

# may_write IRQ CPUS: by a shell of its own, which is what is then told
may_write() {
	sh -c "echo $2 >/proc/irq/$1/smp_affinity_list" 2>/dev/null
}

may_not_write() {
	! may_write "$@"
}

# are CPUS IRQ...: all of them are there
are() {
	local cpus=$1
	shift
	[ "$(affinity "$@" | sort -u)" = "$cpus" ]
}

# go_to CPU IRQ...: they do, whatever they might
go_to() {
	local cpu=$1 irq
	shift
	for irq; do
		[ "$(cat "/proc/irq/$irq/effective_affinity_list")" = "$cpu" ] || return 1
	done
}

# numbers of lines, one after the other
sorted() {
	sort -n | uniq | paste -sd' '
}

# From here on events are counted.
begin() {
	since=$(date +%s%6N)
}

# events: since then
events() {
	cxlirqctl events --json | jq -c --argjson since "$since" 'select(.time_us >= $since)'
}

# denied COMM: interrupts whose move was denied to it
denied() {
	events | jq -r --arg comm "$1" \
		'select(.type == "guard-denied" and .cause.comm == $comm and .denied) | .irq // "default"' | sorted
}

# The same in the journal
journal_denied() {
	journalctl -u cxlirqd --since "@${since%??????}" -o json --no-pager | jq -r --arg comm "$1" --argjson since "$since" \
		'select(.CXLIRQ_COMM == $comm and (.__REALTIME_TIMESTAMP | tonumber) >= $since) | .CXLIRQ_IRQ' | sorted
}

# of_interrupts HOW COMM: without what is no interrupt's (default_smp_affinity)
of_interrupts() {
	"$1" "$2" | tr ' ' '\n' | grep -vx 'default\|none' | sorted
}

# gives EXPECTED COMMAND...
gives() {
	local expected=$1
	shift
	[ "$("$@")" = "$expected" ]
}

# soon NAME EXPECTED COMMAND...: what it prints is that, at last
soon() {
	local name=$1
	shift
	await 20 gives "$@"
	same "$name" "$("${@:2}")" "$1"
}

# told_denied COMM IRQ...: of all of these and no other interrupt
told_denied() {
	local comm=$1 expected
	shift
	expected=$(printf '%s\n' "$@" | sorted)
	soon "$comm: each denial is an event with its name" "$expected" of_interrupts denied "$comm"
	soon "$comm: and in the journal" "$expected" of_interrupts journal_denied "$comm"
}

# balance ARGUMENT...: irqbalance, once, by its own unit
balance() {
	echo "IRQBALANCE_ARGS=--foreground --debug --oneshot --interval=1 $*" >$args
	systemctl start irqbalance
	await 60 is_over irqbalance
}

is_over() {
	[ "$(systemctl is-active "$1")" = inactive ]
}

# events_of TYPE: interrupts of the free device that they tell of
events_of() {
	events | jq -r --arg type "$1" 'select(.type == $type and .restored != false) | .irq' |
		grep -xF -f <(printf '%s\n' "${free_list[@]}") | sorted
}

denies() {
	may_not_write "$irq" 0 && attached true
}

attached() {
	[ "$(cxlirqctl guard mode --json | jq .attached)" = "$1" ]
}

# --- what there is -----------------------------------------------------------------

# "DEVICE IRQ..." of devices with several interrupts that can be moved
cxlirqctl vectors --json | jq -r '.[] | select(.state == "requested" and .index != null) | "\(.provider) \(.irq)"' |
	while read -r device irq; do
		! echo 0-1 2>/dev/null >"/proc/irq/$irq/smp_affinity_list" || echo "$device $irq"
	done | awk '{ n[$1]++; irqs[$1] = irqs[$1] " " $2 } END { for (d in n) if (n[d] > 1) print d irqs[d] }' |
	sort >/tmp/movable
card=$(movable_irq)
read -r kept kept_irqs < <(grep -w "$card" /tmp/movable)
read -r free free_irqs < <(grep -vw "$card" /tmp/movable | head -n 1)
note "movable: $(paste -sd';' /tmp/movable)"
check "there are two devices" test -n "$kept_irqs" -a -n "$free_irqs"
read -ra kept_list <<<"$kept_irqs"
read -ra free_list <<<"$free_irqs"
both=("${kept_list[@]}" "${free_list[@]}")

# What irqbalance does with an interrupt that is on all CPUs, and then with one that is where it would
# not put it
balance
elsewhere=$(affinity "${both[@]}" | sed 's/^0-1$/1/;t;s/.*/0-1/')
# displace IRQ...: to there
displace() {
	local i irq
	mapfile -t there <<<"$elsewhere"
	for irq; do
		for i in "${!both[@]}"; do
			[ "${both[i]}" != "$irq" ] || place_all "${there[i]}" "$irq"
		done
	done
}
displace "${both[@]}"
balance
# moved IRQ...: of these, those that are not where they were put
moved() {
	paste -d' ' <(printf '%s\n' "${both[@]}") <(tr ' ' '\n' <<<"$elsewhere") <(affinity "${both[@]}") |
		awk '$2 != $3 { print $1 }' | grep -xF -f <(printf '%s\n' "$@") | sorted
}
same "irqbalance moves all of them" "$(moved "${both[@]}")" "$(printf '%s\n' "${both[@]}" | sorted)"

# --- it protects -------------------------------------------------------------------------

displace "${both[@]}"
check "guard add" cxlirqctl guard add --device "$kept"
check "nothing is loaded yet" attached false
check "guard mode enforce" cxlirqctl guard mode enforce
check "now it is" attached true
same "protected" "$(cxlirqctl guard --json | jq -r '.[].vectors[].irq' | sorted)" \
	"$(cxlirqctl vectors --device "$kept" --json | jq -r '.[].irq' | sorted)"

# --- a pin ------------------------------------------------------------------------------------

status_of() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | tr '\t' ' '
}

place_all 0-1 "${free_list[@]}"
begin
check "guard pin" cxlirqctl guard pin "$free" --cpus 1
check "they are there" are 1 "${free_list[@]}"
check "and stay" may_not_write "${free_list[0]}" 0
writer=$(value MainPID cxlirqd-affinity.service)
check "a process of root's has done it" test "$(status_of "$writer" Uid)" = "0 0 0 0"
same "its capabilities" "$(status_of "$writer" CapPrm) $(status_of "$writer" CapEff) $(status_of "$writer" CapBnd)" \
	"0000000000000000 0000000000000000 0000000000000000"
same "it can get no others, and call little" "$(status_of "$writer" NoNewPrivs) $(status_of "$writer" Seccomp)" "1 2"

pinned=$(printf '%s\n' "${free_list[@]}" | sorted)
echo 0 >$cpu1
check "the CPU goes: they are on the other one" await 20 go_to 0 "${free_list[@]}"
soon "it is told" "$pinned" events_of guard-moved
begin
echo 1 >$cpu1
check "the CPU comes: they are put back" await 20 are 1 "${free_list[@]}"
soon "it is told that they are" "$pinned" events_of guard-restored
check "guard unpin" cxlirqctl guard unpin "$free"
check "they are where they were" await 20 are 0-1 "${free_list[@]}"
check "and free" may_write "${free_list[0]}" 0

# --- irqbalance, tuna, a shell ---------------------------------------------------------------

displace "${free_list[@]}"
begin
balance
same "irqbalance: 0 protected interrupts moved" "$(moved "${kept_list[@]}")" ""
same "irqbalance: the others are" "$(moved "${free_list[@]}")" "$(printf '%s\n' "${free_list[@]}" | sorted)"
told_denied irqbalance "${kept_list[@]}"

displace "${free_list[@]}"
begin
list=$(printf '%s\n' "${both[@]}" | paste -sd,)
for cpus in 0 1; do
	tuna move --cpus="$cpus" --irqs="$list" >/tmp/tuna 2>&1 || note "tuna: $(tail -n 1 /tmp/tuna)"
	check "tuna: the others are moved" are "$cpus" "${free_list[@]}"
done
same "tuna: 0 protected interrupts moved" "$(moved "${kept_list[@]}")" ""
told_denied tuna "${kept_list[@]}"

begin
check "sh: a protected one" may_not_write "${kept_list[0]}" 0-1
check "sh: another" may_write "${free_list[0]}" 0-1
told_denied sh "${kept_list[0]}"

# Told by the script, irqbalance does not even try.
displace "${free_list[@]}"
begin
balance --policyscript=/usr/libexec/cxlirqd/irqbalance-policy
same "policy script: 0 protected interrupts moved" "$(moved "${kept_list[@]}")" ""
same "policy script: the others are" "$(moved "${free_list[@]}")" "$(printf '%s\n' "${free_list[@]}" | sorted)"
same "policy script: nothing had to be denied" "$(denied irqbalance)" ""

# It ends when there is nothing left to write.
check "nobody waits for more to write" await 60 is_over cxlirqd-affinity.service

# --- and lets go -----------------------------------------------------------------------------

irq=${kept_list[0]}
check "systemctl stop" systemctl stop cxlirqd
check "stopped: all is free" may_write "$irq" 0
check "systemctl start" systemctl start cxlirqd
check "the policy is there again" await 60 attached true
same "the same one" "$(cxlirqctl guard --json | jq -r '.[].guard')" "$kept"
check "and denies" may_not_write "$irq" 1

took=$(python3 - "$(main_pid)" "/proc/irq/$irq/smp_affinity_list" <<-'END'
	import os, signal, sys, time
	def write():
	    try:
	        with open(sys.argv[2], "w", encoding="ascii") as file:
	            file.write("1")
	    except PermissionError:
	        return False
	    return True
	assert not write()
	os.kill(int(sys.argv[1]), signal.SIGKILL)
	began = time.monotonic()
	while not write() and time.monotonic() < began + 30:
	    pass
	print(int((time.monotonic() - began) * 1000))
END
)
note "killed: free after ${took:-?} ms"
check "killed: all is free within a second" test "${took:-30000}" -lt 1000
# systemd starts it again after a second.
check "and then it denies again" await 60 denies

# --- as it was --------------------------------------------------------------------------------

check "guard off" cxlirqctl guard off
check "nothing is loaded any more" attached false
check "off: all is free" may_write "$irq" 0-1
check "guard remove" cxlirqctl guard remove --device "$kept"
place_all 0-1 "${both[@]}"
mv /tmp/irqbalance $args
check "healthy" healthy
