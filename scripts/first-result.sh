#!/usr/bin/env bash
# How long a newcomer waits: clones this repository afresh, runs the README's
# first command, and prints the seconds until the first timed epoch and until the
# report. Needs the data set in TRAINMARK_DATA or the cache, and some minutes.
# Usage: scripts/first-result.sh [FOLDER to clone into and keep]
set -euo pipefail
unset CDPATH
# shellcheck source=scripts/help.sh
. "$(dirname "$0")/help.sh"
help_or_refuse '' "$@"

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
first=yes
cargo run -- bench all 2>&1 | while IFS= read -r line; do
    case "$line" in
        *"Finished "*) echo "harness built after $(seconds)" ;;
        *" · epoch "*)
            [ "$first" = yes ] && echo "first epoch after $(seconds): $line"
            first=no
            ;;
        "report  "*) echo "report after $(seconds)" ;;
    esac
done
