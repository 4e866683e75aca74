# What fetching wheels with pip has in common, whatever is in them: for scripts that read this file.
# shellcheck shell=sh

# Fails where there is room for so many MB in a folder that may have yet to be made; else
# says how much there is.
without_room() {
    place=$2
    while [ ! -d "$place" ]; do place=$(dirname "$place"); done
    free=$(df -Pk "$place" | awk 'NR == 2 { print int($4 / 1024) }')
    [ "${free:-$1}" -lt "$1" ] || return 1
    printf 'takes %s MB in %s, where %s are free\n' "$1" "$2" "$free"
}

# Why pip has failed, by its log: its first error, or how an exception of its own ends. What
# a connection brings that breaks off is to pip a file with a wrong sum.
reason_of_pip() {
    awk '/^ERROR: Exception:/ { excepted = 1; next }
        /^ERROR: THESE PACKAGES DO NOT MATCH/ {
            print "the connection broke off, or brought another file (its sum is wrong)"
            told = 1
            exit
        }
        /^ERROR: / && !excepted { print substr($0, 8); told = 1; exit }
        /^[A-Za-z0-9_.]+: / && excepted { last = $0 }
        END { if (!told) print last }' "$1" | sed 's/^[A-Za-z0-9_.]*\.\([A-Za-z_]*: \)/\1/'
}

# Tells now and then how much of so many MB a fetch into a folder has brought, until it is killed.
report_fetch() {
    title=$1 folder=$2 megabytes=$3 here=0
    # The sleeper must not hold on to the output of a script that has ended.
    while sleep 2 >/dev/null 2>&1; do
        before=${here:-0}
        here=$(du -sk "$folder" 2>/dev/null | awk '{ print int($1 / 1024) }')
        if [ "${here:-0}" -lt "$megabytes" ]; then
            echo "$title: ${here:-0} of $megabytes MB, $(((${here:-0} - before) / 2)) MB/s"
        else
            echo "$title: unpacking"
        fi
    done
}
