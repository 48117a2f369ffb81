# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for cxlirqctl, for bash-completion to load. What could come next is asked of the
# program itself.

_cxlirqctl()
{
	local cur words cword candidate what before=
	local -a found=()

	_get_comp_words_by_ref -n := cur words cword || return
	COMPREPLY=()
	# what readline takes for the word begins behind the last "=" or ":"
	[[ $cur == *[=:]* ]] && before=${cur%"${cur##*[=:]}"}
	while IFS=$'\t' read -r candidate what; do
		case $candidate in
		:files)
			compopt -o default
			;;
		:nospace)
			compopt -o nospace
			;;
		"$before"*)
			found+=("$candidate")
			;;
		esac
	done < <("${words[0]}" --complete "${words[@]:1:cword}" 2>/dev/null)
	for candidate in "${found[@]}"; do
		candidate=${candidate#"$before"}
		# a name may hold what the shell would take for a command
		if [[ $candidate == *[!A-Za-z0-9_.,:=/@%+{}-]* ]]; then
			printf -v candidate %q "$candidate"
		fi
		COMPREPLY+=("$candidate")
	done
} &&
	complete -F _cxlirqctl cxlirqctl
