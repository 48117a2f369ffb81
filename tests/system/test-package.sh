#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The Debian package as it is built here: that it holds what it should and where, that lintian has
# no objection, and that nothing in it tells where it was built.

set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
export LC_ALL=C
failed=0

# report NAME WHAT_IS_WRONG
report() {
	if [ -z "$2" ]; then
		echo "ok $1"
	else
		echo "not ok $1 $(head -n 8 <<<"$2" | tr -s '\n' ';')"
		failed=1
	fi
}

# shellcheck disable=SC1091  # the system's
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
source=$("$here/package.sh" "$suite") || {
	echo "not ok package it was not built"
	exit 1
}
package=$(ls "$source"/cxlirqd_*.deb)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dpkg-deb -x "$package" "$work/root"
dpkg-deb -e "$package" "$work/control"

# No override is in use: what it says is true or mended.
report "lintian" "$(lintian --allow-root --fail-on error,warning "$package" 2>&1 || true)"

version=$(sed -n 's/^VERSION *:= *//p' "$top/Makefile")
report "version" "$(dpkg-deb -f "$package" Version | grep -vx "$version")"
for program in sbin/cxlirqd bin/cxlirqctl; do
	report "usr/$program" "$("$work/root/usr/$program" --version 2>&1 | grep -v " $version\$")"
	report "usr/$program, hardening" "$(readelf -dW "$work/root/usr/$program" | grep -c 'BIND_NOW\|NOW PIE' |
		grep -x 0)"
done

# What there is in the tree of a kind, the package has, all of it.
(cd "$work/root" && find . -type f | sed 's|^\./||' | sort) >"$work/files"
expect() { # NAME FILE...
	local name=$1 file
	shift
	report "$name" "$(for file in "$@"; do grep -qxF -- "$file" "$work/files" || echo "no $file"; done)"
}
pages=() units=() examples=()
for page in "$top"/man/*.[1-8]; do
	pages+=("usr/share/man/man${page##*.}/${page##*/}.gz")
done
directory=$(sed -n 's|/cxlirqd\.service$||p' "$work/files")
for unit in "$top"/units/*.socket "$top"/units/*.service*; do
	unit=${unit##*/}
	units+=("$directory/${unit%.in}")
done
for example in "$top"/contrib/prometheus/*.yml "$top"/contrib/grafana/*.json; do
	examples+=("usr/share/doc/cxlirqd/examples/${example#"$top/contrib/"}")
done
expect "manual pages" "${pages[@]}"
expect "units" "${units[@]}"
expect "examples" "${examples[@]}"
expect "completions" usr/share/bash-completion/completions/cxlirqctl \
	usr/share/zsh/vendor-completions/_cxlirqctl usr/share/fish/vendor_completions.d/cxlirqctl.fish
expect "interface, settings, catalog, accounts" usr/share/cxlirqd/io.cxlirqd.varlink \
	usr/libexec/cxlirqd/irqbalance-policy usr/lib/cxlirqd/cxlirqd.conf \
	usr/lib/systemd/catalog/cxlirqd.catalog usr/lib/sysusers.d/cxlirqd.conf
# Settings of an administrator are none of the package's files: nothing is asked at an upgrade.
report "no file in /etc" "$(grep '^etc/' "$work/files")"
report "no @WORD@ is left" "$(grep -rIl '@[A-Z]*@' "$work/root/$directory" "$work/control")"
report "no path of this machine" "$(grep -rIlF -e "$top" -e "$BUILD" "$work/root" "$work/control")"
report "programs without debug information" "$(readelf -SW "$work"/root/usr/*bin/* | grep -m 1 'debug_info')"
exit "$failed"
