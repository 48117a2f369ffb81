# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For tests of cxlirqctl, the whole program, against scripted-daemon.py: to be sourced, with the
# test's arguments. It ends in a directory of its own, which goes with it.

set -u
here=$(cd "$(dirname "$0")" && pwd)
cli=${1:-${SANITIZED:-${BUILD:-build}}/cxlirqctl}
[ -x "$cli" ] || { echo "not ok cli $cli is no program"; exit 1; }
cli=$(realpath "$cli")
command -v python3 >/dev/null || { echo "skip cli there is no python3"; exit 77; }

work=$(mktemp -d)
daemon=
stop_daemon() {
	[ -n "$daemon" ] || return 0
	kill "$daemon" 2>/dev/null
	wait "$daemon" 2>/dev/null
	daemon=
}
trap 'stop_daemon; rm -rf "$work"' EXIT
cd "$work" || exit 1
export TZ=UTC LC_ALL=C.UTF-8
unset NO_COLOR

failures=0
check() { # NAME, then a command that must succeed
	local name=$1
	shift
	if "$@"; then
		echo "ok cli, $scene: $name"
		return
	fi
	failures=$((failures + 1))
	echo "not ok cli, $scene: $name"
	sed 's/^/  stdout: /' out | head -5
	sed 's/^/  stderr: /' err | head -5
}

scene() { # NAME: from here on the daemon plays this
	stop_daemon
	scene=$1
	rm -f socket calls ready
	python3 "$here/scripted-daemon.py" socket "$scene" calls >ready 2>trouble &
	daemon=$!
	for _ in $(seq 200); do
		[ -s ready ] && return
		sleep 0.05
	done
	echo "not ok cli, $scene: the scripted daemon does not start: $(tail -n 1 trouble)"
	exit 1
}

run() { # ARGUMENT...: leaves out, err and $code
	"$cli" -S socket --timeout 20 "$@" >out 2>err
	code=$?
}

ends() { # CODE ARGUMENT...
	local want=$1
	shift
	run "$@"
	check "$(printf '%q ' "$@")ends with $want" [ "$code" -eq "$want" ]
}

silent() { [ ! -s err ]; }
prints() { grep -qF -- "$1" out; }
complains() { # SENTENCE: that is all of stderr, and stdout is empty
	[ ! -s out ] && [ "$(cat err)" = "cxlirqctl: $1" ]
}
is_json() { # EXPRESSION over the document d
	python3 -c 'import json, sys
d = json.load(open("out"))
sys.exit(not eval(sys.argv[1]))' "$1"
}
asked() { # the last call, as JSON
	[ "$(tail -n 1 calls)" = "$1" ]
}
