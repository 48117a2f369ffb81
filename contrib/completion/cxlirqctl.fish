# SPDX-License-Identifier: GPL-2.0-or-later
# fish completion for cxlirqctl. What could come next is asked of the program itself.

function __cxlirqctl_complete
    set -l words (commandline -opc)
    set -l token (commandline -ct)
    set -l before (string match -r '^--[^=]*=' -- $token)

    for line in ($words[1] --complete $words[2..-1] "$token" 2>/dev/null)
        switch $line
            case ':files'
                for file in (__fish_complete_path (string replace -r '^--[^=]*=' '' -- "$token"))
                    printf '%s%s\n' "$before" $file
                end
            case ':nospace'
            case '*'
                printf '%s\n' $line
        end
    end
end

complete -c cxlirqctl -f -a '(__cxlirqctl_complete)'
