#compdef cxlirqctl
# SPDX-License-Identifier: GPL-2.0-or-later
# zsh completion for cxlirqctl. What could come next is asked of the program itself.

_cxlirqctl() {
	local line tab=$'\t' status_of=1
	local -a values shown end

	for line in "${(@f)$("${(Q)words[1]}" --complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
		case $line in
		'')
			;;
		:files)
			compset -P '--*='
			_files && status_of=0
			;;
		:nospace)
			end=(-S '')
			;;
		*)
			values+=("${line%%$tab*}")
			shown+=("${line/$tab/  -- }")
			;;
		esac
	done
	(( $#values )) && compadd -l -d shown "${end[@]}" -a -- values && status_of=0
	return status_of
}

if [[ $funcstack[1] == _cxlirqctl ]]; then
	_cxlirqctl "$@"
else
	compdef _cxlirqctl cxlirqctl
fi
