# shellcheck shell=bash
# For scripts that are typed by hand.

# help_or_refuse KNOWN [ARGUMENT...]: with -h or --help among the arguments prints the comment that
# the script begins with, and ends it; refuses what looks like an option and is not KNOWN.
help_or_refuse() {
    local known=$1 argument
    shift
    for argument in "$@"; do
        case $argument in
            -h | --help)
                sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
                exit 0
                ;;
            "$known") ;;
            -*)
                echo "error: $argument is not known; see $0 --help" >&2
                exit 2
                ;;
        esac
    done
}
