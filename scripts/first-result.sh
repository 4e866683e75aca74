#!/usr/bin/env bash
# How long a newcomer waits: clones this repository afresh, runs the README's
# first command, and prints the seconds until the harness is built, and each backend,
# until the first cell has passed its checks, the first epoch is timed, the first table
# is there, and the report. Needs a quarter of an hour and more, and no other load.
# Usage: scripts/first-result.sh [FOLDER to clone into and keep [ARGUMENT of `bench all`...]]
set -euo pipefail
unset CDPATH
# shellcheck source=scripts/help.sh
. "$(dirname "$0")/help.sh"
help_or_refuse '' "${@:1:1}"

root=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
if [ $# -gt 0 ]; then
    folder=$1
else
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
fi
git clone --quiet "$root" "$folder/trainmark"
cd "$folder/trainmark"

start=$EPOCHREALTIME
seconds() { awk -v now="$EPOCHREALTIME" -v start="$start" 'BEGIN { printf "%.0f s", now - start }'; }
echo "load average before: $(cut -d ' ' -f 1 /proc/loadavg), $(nproc) processors"
# Each of these once, but every backend that is built.
declare -A told
tell() {
    [ -z "${told[$1]:-}" ] || return 0
    told[$1]=yes
    printf '%-32s after %s\n' "$1" "$(seconds)"
}
cargo run -- bench all "${@:2}" 2>&1 | while IFS= read -r line; do
    case "$line" in
        *"Finished "*) tell 'harness built' ;;
        'built '*) tell "${line%% in *}" ;;
        *': computes the same function'*) tell 'first cell checked' ;;
        *' · epoch '*) tell 'first epoch' ;;
        *'  s/epoch '*) tell 'first table' ;;
        *'report  '*) tell 'report' ;;
    esac
done
