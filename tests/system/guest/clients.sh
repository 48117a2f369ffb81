# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Clients that were not written here: varlinkctl, python3-varlink, curl.

socket=/run/cxlirqd/io.cxlirqd
report=/run/systemd/report/io.cxlirqd

# An event, for those who ask for events
change_affinity "$(movable_irq)"

# --- varlink ------------------------------------------------------------------

if command -v varlinkctl >/dev/null; then
	check "varlinkctl info" grep -q io.cxlirqd <(varlinkctl info "unix:$socket")
	check "varlinkctl list-interfaces" grep -qx io.cxlirqd <(varlinkctl list-interfaces "unix:$socket")
	# It parses what it prints.
	check "varlinkctl introspect" grep -q 'method GetStatus()' \
		<(varlinkctl introspect "unix:$socket" io.cxlirqd)
	same "varlinkctl call" "$(varlinkctl call -j "unix:$socket" io.cxlirqd.GetStatus '{}' |
		jq -r .status.kernel)" "$(uname -r)"
	same "varlinkctl call, no such method" \
		"$(varlinkctl call "unix:$socket" io.cxlirqd.NoSuchMethod '{}' 2>&1 | grep -c 'MethodNotFound\|not found\|No such\|not supported')" 1
	check "varlinkctl call --more" test "$(varlinkctl call -j --more "unix:$socket" \
		io.cxlirqd.Monitor '{"follow":false}' | grep -c '"event"')" -gt 0

	check "report: introspect" grep -q 'method Describe()' \
		<(varlinkctl introspect "unix:$report" io.systemd.Metrics)
	# The form is that of RFC 7464: each object begins with a record separator.
	varlinkctl call -j --more "unix:$report" io.systemd.Metrics.Describe '{}' | tr -d '\036' >/tmp/describe.json
	varlinkctl call -j --more "unix:$report" io.systemd.Metrics.List '{}' | tr -d '\036' >/tmp/list.json
	note "report: $(jq -r .name /tmp/describe.json | wc -l) families, $(jq -r .name /tmp/list.json | wc -l) series"
	check "report: Describe" test "$(jq -r .name /tmp/describe.json | wc -l)" -gt 20
	check "report: List" test "$(jq -r .name /tmp/list.json | wc -l)" -gt 20
	same "report: names" "$(jq -r .name /tmp/list.json /tmp/describe.json | grep -vc '^io\.cxlirqd\.')" 0
	same "report: each is described" "$(comm -23 <(jq -r .name /tmp/list.json | sort -u) \
		<(jq -r .name /tmp/describe.json | sort -u) | head -n 3)" ""
	same "report: values" "$(jq -r '.value | type' /tmp/list.json | grep -vxc 'number\|string\|boolean')" 0
fi

# This library parses the interface, and checks what it sends and gets against it.
if said=$(python3 ask.py "$socket" "$report" 2>&1); then
	pass "python3-varlink: every method that reads"
else
	fail "python3-varlink: every method that reads" "$(tail -n 4 <<<"$said")"
fi
note "$said"

# --- HTTP ---------------------------------------------------------------------

web=http://127.0.0.1:9967
# kind_of PATH [CURL_OPTION]...
kind_of() {
	local path=$1
	shift
	curl -sS -o /tmp/body -w '%{http_code} %{content_type}' "$@" "$web$path"
}
same "/metrics" "$(kind_of /metrics)" "200 text/plain; version=0.0.4; charset=utf-8"
check "/metrics has cxlirq_up" grep -q '^cxlirq_up 1$' /tmp/body
same "/metrics as OpenMetrics" "$(kind_of /metrics -H 'Accept: application/openmetrics-text;version=1.0.0')" \
	"200 application/openmetrics-text; version=1.0.0; charset=utf-8"
same "its end" "$(tail -n 1 /tmp/body)" "# EOF"
same "/metrics.json" "$(kind_of /metrics.json | cut -d';' -f1)" "200 application/json"
same "cxlirq_up there" "$(jq -r '.[] | select(.name == "cxlirq_up").metrics[0].value' /tmp/body)" 1
same "/healthz" "$(kind_of /healthz | cut -d' ' -f1)" 200
same "the page" "$(kind_of / | cut -d';' -f1)" "200 text/html"
same "no POST" "$(kind_of /metrics -X POST | cut -d' ' -f1)" 405
same "compressed" "$(curl -sS --compressed -D - -o /tmp/body $web/metrics | tr -d '\r' | grep -i '^content-encoding:')" \
	"Content-Encoding: gzip"
check "compressed, and whole" grep -q '^cxlirq_up 1$' /tmp/body
