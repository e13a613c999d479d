# fish completion for ringbell: what `ringbell ... --help` lists, and the names of rings

# The commands that stand on the line already, of which bench and bridge have more below them.
function __ringbell_commands
    set -l words (commandline -opc)
    set -l found
    for word in $words[2..3]
        string match -qr '^[a-z][a-z-]*$' -- $word || break
        set -a found $word
        contains -- $word bench bridge explain || break
    end
    string join \n -- $found
end

# Each on a line, with what it says of itself: "NAME<tab>TEXT".
function __ringbell_subcommands
    ringbell $argv --help 2>/dev/null | awk '
        /^Subcommands:/ { listed = 1; next }
        /^$/ { listed = 0 }
        listed && /^  [a-z]/ { name = $1; $1 = ""; sub(/^ +/, ""); print name "\t" $0 }'
end

function __ringbell_options
    ringbell $argv --help 2>/dev/null | awk '
        /^Examples:/ { exit }
        match($0, /^ +(-[a-z],)?--[a-z-]+/) {
            name = substr($0, RSTART, RLENGTH); sub(/^.*--/, "--", name)
            text = substr($0, RLENGTH + 1)
            if (!match(text, /  +/)) text = ""; else text = substr(text, RSTART + RLENGTH)
            print name "\t" text
        }'
end

function __ringbell_names
    ringbell ls 2>/dev/null | awk 'NR > 1 { print $1 }'
end

function __ringbell_complete
    set -l commands (__ringbell_commands)
    if string match -q -- '-*' (commandline -ct)
        __ringbell_options $commands
    else if test (count $commands) -eq 0; or contains -- "$commands" bench bridge explain
        __ringbell_subcommands $commands
    else if contains -- $commands[1] send recv record replay inspect bridge
        __ringbell_names
    end
end

function __ringbell_takes_files
    contains -- (commandline -opc)[-1] -o --output --file --json --out --dir --plot --device \
        --credentials --seed --ca --certificate --private-key --metrics --textfile
    or contains -- (__ringbell_commands)[1] cp replay show report
    or string match -qr '^bridge (run|check)$' -- (__ringbell_commands | string join ' ')
end

complete -c ringbell -f -a '(__ringbell_complete)'
complete -c ringbell -n __ringbell_takes_files -F
