#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a program can see of a source tree's health: the format, what static analysers find, manual
# pages, and the house's own rules: no file includes a stage that comes after it, one noun a file.

set -u
cd "$(dirname "$0")/../.." || exit 1

report() { # NAME OUTPUT
	if [ -z "$2" ]; then
		echo "ok $1"
	else
		printf '%s\n' "$2"
		echo "not ok $1 $(printf '%s\n' "$2" | head -1)"
	fi
}

mapfile -t c_files < <(git ls-files -co --exclude-standard '*.c' '*.h')
mapfile -t shell_files < <(git ls-files -co --exclude-standard | while read -r file; do
	head -c 64 "$file" 2>/dev/null | head -1 | grep -qE '^#!.*\b(ba|da)?sh$' && echo "$file"
done)
mapfile -t python_files < <(git ls-files -co --exclude-standard '*.py')

report format "$(clang-format --dry-run "${c_files[@]}" 2>&1 | grep -E 'warning|error' | head -20)"
# scenarios read /guest.sh, which is there in the guest only
report shellcheck "$(shellcheck -x -e SC1091 "${shell_files[@]}" tests/vm/guest.sh tests/system/guest/*.sh 2>&1)"
report python "$(for file in "${python_files[@]}"; do python3 - "$file" <<'PY' 2>&1
import ast, sys
ast.parse(open(sys.argv[1], encoding="utf-8").read(), sys.argv[1])
PY
done)"
# cppcheck knows neither the cleanup attribute (so: leaks are for ASan and LSan in the unit tests)
# nor what uthash's and others' macros expand to; readdir(3) is safe where each stream has one reader.
report cppcheck "$(cppcheck --quiet --std=c11 --enable=warning,portability --library=posix \
	--suppress=missingIncludeSystem --suppress=memleak --suppress=resourceLeak \
	--suppress=uninitvar --suppress=legacyUninitvar --suppress=nullPointer --suppress=readdirCalled \
	-D'LIBBPF_OPTS(type,name,...)=struct type name = { __VA_ARGS__ }' \
	-D'json_object_foreach(object,key,value)=while ((value = next(object, &key)))' \
	-D'json_array_foreach(array,i,value)=while ((value = next(array, &i)))' \
	-DCXLIRQD_VERSION='"0"' -Iinclude -Idaemon daemon cli 2>&1)"
report manual "$(mandoc -T lint -W warning man/*.[1-8] 2>&1)"
report licence "$(grep -L 'SPDX-License-Identifier: GPL-2.0-or-later' "${c_files[@]}" \
	"${shell_files[@]}" "${python_files[@]}")"

# One noun one file: none has a name that could hold anything.
report names "$(git ls-files -co --exclude-standard |
	grep -E '(^|/)(util|utils|common|misc|helper|helpers)([.-][^/]*)?$')"

# A noun that has outgrown its file
report size "$(wc -l "${c_files[@]}" | awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }')"

# Positive errno is no return value; descriptors do not start at -1.
report returns "$(grep -nE 'return E[A-Z]+;|_fd = -1\b|\bfd = -1\b' "${c_files[@]}")"

exec tests/check/arrows.py
