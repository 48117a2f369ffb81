# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What topics share, beyond guest.sh.

# take_inventory DIRECTORY: all that a package could leave behind: the names of files, and the accounts.
# Left out is what changes by itself (logs, caches, the package manager's own books).
take_inventory() {
	mkdir -p "$1"
	find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /dev -o -path /tmp -o -path /var/tmp \
		-o -path /var/log -o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg \
		-o -path /root \) -prune -o -print | sort >"$1/files"
	cut -d: -f1,3-7 /etc/passwd | sort >"$1/passwd"
	sort /etc/group >"$1/group"
	find /var/lib/dpkg/info -name 'cxlirqd*' >"$1/dpkg"
	find /run -xdev -path /run/cxlirq -prune -o \( -name '*cxlirq*' -print \) | grep -v cxlirq-test | sort >"$1/run"
	find /sys/fs/bpf -mindepth 1 2>/dev/null | sort >"$1/bpf"
	find /sys/fs/cgroup -name '*cxlirqd*' | sort >"$1/cgroup"
}

# value PROPERTY [UNIT]
value() {
	systemctl show -p "$1" --value "${2:-cxlirqd.service}"
}

main_pid() {
	value MainPID
}

# 0 is all well.
healthy() {
	cxlirqctl status
}

# An interrupt that may be moved and that nobody needs: one of the network card.
movable_irq() {
	awk '/virtio[0-9]+-input/ { sub(":", "", $1); print $1; exit }' /proc/interrupts
}

# change_affinity IRQ: to what it is not now
change_affinity() {
	local file=/proc/irq/$1/smp_affinity_list
	if [ "$(cat "$file")" = 1 ]; then
		echo 0 >"$file"
	else
		echo 1 >"$file"
	fi
}

# await SECONDS COMMAND...: as wait_for, for a command whose own work would slow down what is awaited
await() {
	local end
	end=$(($(guest_clock) + $1 * 100))
	shift
	until "$@"; do
		[ "$(guest_clock)" -lt "$end" ] || return 1
		sleep 1
	done
}
