# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Reads packages from Debian's mirror without touching the machine: to be
# sourced by kernel.sh and whoever else wants a package's files only.
#
# apt is given a configuration of its own (lists, caches, sources and an
# empty dpkg status, all below the cache directory), so that the system's
# package lists, preferences and installed packages are neither read nor
# changed, other suites than the system's can be used, and no root is needed.
# The system's Acquire section is kept: it may name a proxy.  Hooks that the
# system runs after an update are left out with the rest.
#
# Lists younger than half a day are trusted, so that a test run on a
# machine without a network, or the tenth one today, costs no look-up.
#
# DEBIAN_ARCHITECTURE, if set before debian_open, is whose packages are read.

DEBIAN_MIRROR=http://deb.debian.org/debian
DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
DEBIAN_LISTS_MINUTES=720

# debian_open DIRECTORY SUITE...: makes the private state and reads its lists.
# Returns 1 when the mirror is out of reach and there are no lists of old.
debian_open() {
	local dir=$1 suite
	shift
	[ -r "$DEBIAN_KEYRING" ] || {
		echo "debian.sh: $DEBIAN_KEYRING is missing (package debian-archive-keyring)" >&2
		return 1
	}
	mkdir -p "$dir/state/lists/partial" "$dir/cache/archives/partial"
	: >"$dir/status"
	for suite in "$@"; do
		echo "deb [signed-by=$DEBIAN_KEYRING] $DEBIAN_MIRROR $suite main"
	done >"$dir/sources.list"
	{
		apt-config dump | grep '^Acquire::' || true
		cat <<-END
			Dir::Etc::Main "/dev/null";
			Dir::Etc::Parts "/dev/null";
			Dir::Etc::SourceList "$dir/sources.list";
			Dir::Etc::SourceParts "/dev/null";
			Dir::Etc::Preferences "/dev/null";
			Dir::Etc::PreferencesParts "/dev/null";
			Dir::State "$dir/state";
			Dir::State::status "$dir/status";
			Dir::Cache "$dir/cache";
			APT::Architecture "${DEBIAN_ARCHITECTURE:-amd64}";
			APT::Architectures { "${DEBIAN_ARCHITECTURE:-amd64}"; };
			APT::Sandbox::User "root";
			Acquire::Languages "none";
			Acquire::Retries "3";
		END
	} >"$dir/apt.conf"
	DEBIAN_DIRECTORY=$dir
	if [ -z "$(find "$dir/stamp" -mmin "-$DEBIAN_LISTS_MINUTES" 2>/dev/null)" ] ||
		! cmp -s "$dir/sources.list" "$dir/stamp"; then
		debian_update
	fi
}

# The lists of old are kept (and 1 returned) when the mirror does not answer.
debian_update() {
	if APT_CONFIG=$DEBIAN_DIRECTORY/apt.conf apt-get -qq --error-on=any update >&2; then
		cp "$DEBIAN_DIRECTORY/sources.list" "$DEBIAN_DIRECTORY/stamp"
	else
		echo "debian.sh: $DEBIAN_MIRROR could not be read" >&2
		return 1
	fi
}

# debian_versions SUITE REGEX: "version package" of every package in the suite
# whose whole name matches the extended regular expression, newest first.
debian_versions() {
	local package
	APT_CONFIG=$DEBIAN_DIRECTORY/apt.conf apt-cache search --names-only "^($2)\$" |
		cut -d' ' -f1 | while read -r package; do
		APT_CONFIG=$DEBIAN_DIRECTORY/apt.conf apt-cache madison "$package" |
			awk -v FS=' *[|] *' -v suite="$1/main" '
				$3 ~ " " suite " .* Packages$" {
					sub(/^ */, "", $1); print $2, $1
				}'
	done | sort -k1,1Vr -k2,2Vr
}

# debian_depends PACKAGE VERSION: the names that this version depends on.
debian_depends() {
	APT_CONFIG=$DEBIAN_DIRECTORY/apt.conf apt-cache show "$1=$2" |
		sed -n 's/^Depends: //p' | tr ',|' '\n' | awk '{ print $1 }'
}

# debian_download_all PACKAGE...: these and all that they depend on, as
# DIRECTORY/cache/archives/*.deb, and nothing else there.
debian_download_all() {
	local try
	for try in 1 2; do
		rm -f "$DEBIAN_DIRECTORY"/cache/archives/*.deb
		if APT_CONFIG=$DEBIAN_DIRECTORY/apt.conf apt-get -qq -y --no-install-recommends \
			--download-only install "$@" >&2; then
			return 0
		fi
		if [ "$try" = 1 ]; then
			debian_update || break
		fi
	done
	echo "debian.sh: could not download $*" >&2
	return 1
}

# debian_download PACKAGE VERSION DIRECTORY: prints the path of the .deb.
# A mirror drops a version when the next one comes: hence the second try.
debian_download() {
	local try
	mkdir -p "$3"
	for try in 1 2; do
		if (cd "$3" && APT_CONFIG=$DEBIAN_DIRECTORY/apt.conf apt-get -qq download "$1=$2" >&2); then
			find "$3" -maxdepth 1 -name "$1_*.deb"
			return 0
		fi
		if [ "$try" = 1 ]; then
			debian_update || break
		fi
	done
	echo "debian.sh: could not download $1 $2" >&2
	return 1
}
