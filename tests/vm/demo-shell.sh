#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# "make demo-shell": the same host with a shell; cxlirqd is there to be started.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${BUILD:-build}

echo "Try: cxlirqd & sleep 8; cxlirqctl vectors. \"poweroff -f\" or Ctrl-] ends it."
exec "$here/run.sh" bench - -p "$build/cxlirqd" -p "$build/cxlirqctl"
