#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# "make demo": a kernel (made once, then kept), a virtual CXL host, and the
# programs just built in it.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=${BUILD:-build}

echo "A virtual CXL host: q35, a CXL switch with two memory devices, a hot-plug port, NVMe, virtio-net."
exec "$here/run.sh" bench "$here/scenarios/demo.sh" -p "$build/cxlirqd" -p "$build/cxlirqctl" -- --echo
