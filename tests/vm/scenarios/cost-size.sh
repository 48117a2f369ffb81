#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What grows with a host: the daemon's start, its memory and that of others, and what a look at all
# interrupts takes. On the bench kernel with 100, 1,000 and 4,096 vectors of the fixture; on Debian's
# with what vectors the machine's devices have (its kernels take 64 processors, and no fixture), and only
# the looks: a minute of 64 processors at rest takes longer to emulate than all of these.
# The guest's clock counts instructions (-icount), of all processors.
# Makes the result "sizes": lines VECTORS CPUS WHAT VALUE, times in nanoseconds, memory in bytes.
#
#: modules virtio_net
#: on built external cxlirq_msi
#: built process-cost ready read-interrupts
#: programs lsirq
#: cpus 2
#: qemu -icount shift=0,sleep=off
#: timeout 7200

# shellcheck source=tests/vm/guest.sh
. /guest.sh

cpus=$(nproc)
fixture=/sys/kernel/debug/cxlirq_msi

# tell_size WHAT VALUE
tell_size() {
	echo "$vectors $cpus $1 $2" >>/tmp/sizes
	note "$vectors vectors, $cpus CPUs: $1 $2"
}

# Memory of maps and programs that process $1 holds; each once.
bpf_memory() {
	for file in /proc/"$1"/fdinfo/*; do
		awk '/^(map|prog)_id:/ { id = $1 $2 } /^memlock:/ { size = $2 } END { if (id) print id, size }' "$file" 2>/dev/null
	done | sort -u | awk '{ sum += $2 } END { printf "%d", sum }'
}

# memory NAME PID: in all, and what is nobody else's
memory() {
	set -- "$1" "$(process-cost 0 "$2")"
	tell_size "rss-$1" $(($(echo "$2" | cut -d ' ' -f 4) * 1024))
	tell_size "own-$1" $(($(echo "$2" | cut -d ' ' -f 5) * 1024))
}

# spent PID: nanoseconds that it ran so far
spent() {
	process-cost 0 "$1" | cut -d ' ' -f 3
}

# peer NAME COMMAND...: its memory once it is at rest, if that is asked for; and leaves it running as $pid
peer() {
	name=$1
	shift
	"$@" >"/tmp/log.$name" 2>&1 &
	pid=$!
	[ "$memory" = no ] || sleep 25
	if kill -0 "$pid" 2>/dev/null; then
		[ "$memory" = no ] || memory "$name" "$pid"
	else
		note "$name has ended: $(tail -n 2 "/tmp/log.$name")"
		pid=
	fi
}

end() {
	[ -z "$1" ] || kill "$1" 2>/dev/null
	[ -z "$1" ] || wait_for 60 sh -c "! kill -0 $1 2>/dev/null" || kill -9 "$1"
}

# The least of some walks, as the daemon itself says
walk() {
	for _ in 1 2 3 4 5; do
		sleep 0.2
		cxlirqctl metrics | sed -n 's/^cxlirq_snapshot_duration_seconds \(.*\)/\1/p'
	done | sort -g | head -n 1 | awk '{ printf "%d", $1 * 1e9 }'
}

ours() {
	rm -rf /var/lib/cxlirqd
	mkdir -p /var/lib/cxlirqd
	ready cxlirqd -c /tmp/conf >/tmp/ready 2>/tmp/log.cxlirqd || fail "cxlirqd" "$(cat /tmp/log.cxlirqd)"
	read -r ns daemon </tmp/ready
	tell_size start "$ns"
	known=$(cxlirqctl vectors --json | grep -c '"provider"')
	tell_size known "$known"
	tell_size walk "$(walk)"
	if [ "$memory" = yes ]; then
		# what the answers took is given back with the next beat
		sleep 40
		memory cxlirqd "$daemon"
		tell_size bpf "$(bpf_memory "$daemon")"
	fi
	end "$daemon"
	check "$vectors vectors, $cpus CPUs: the daemon knows them" [ "$known" -ge "$vectors" ]
}

others() {
	tell_size files "$(read-interrupts 5 | cut -d ' ' -f 1)"
	tell_size lsirq "$(process-cost run 3 lsirq -n)"
	if [ "$memory" = yes ]; then
		peer irqbalance irqbalance --foreground
		end "$pid"
		peer rasdaemon rasdaemon --foreground
		end "$pid"
	fi
	peer node_exporter prometheus-node-exporter --collector.disable-defaults --collector.interrupts \
		--web.listen-address=127.0.0.1:9100
	if [ -n "$pid" ]; then
		wait_for 60 wget -q -O /dev/null http://127.0.0.1:9100/metrics ||
			fail "node_exporter" "it does not answer: $(tail -n 2 /tmp/log.node_exporter)"
		before=$(spent "$pid")
		wget -q -O /tmp/scrape http://127.0.0.1:9100/metrics
		tell_size node_exporter $(($(spent "$pid") - before))
		end "$pid"
	fi
}

mkdir -p /var/lib/rasdaemon /run/irqbalance
printf '%s\n' "[Daemon]" "User=" "[Trace]" "PinDirectory=" "[Export]" "Report=" >/tmp/conf
if [ -e /lib/cxlirq/cxlirq_msi.ko ]; then
	memory=yes
	insmod /lib/cxlirq/cxlirq_msi.ko
	for vectors in 100 1000 4096; do
		echo "add many $vectors" >$fixture/control
		ours
		others
		echo "del many" >$fixture/control
	done
else
	memory=no
	vectors=$(find /sys/bus/pci/devices/*/msi_irqs/ -type f | wc -l)
	ours
	others
fi
result /tmp/sizes /tmp/log.*
