#!/usr/bin/env bash
# Times two builds of a backend in the same rounds and writes what a pull request is to be told:
#   ci/compare.sh FOLDER BENCH-ARGUMENTS…
#   ci/compare.sh out candle --base main --fail-on slower:5% --budget 20m
# FOLDER gets comment.md, bencher.json, gh-benchmark.json, and in runs/ the record and its page.
# The exit code is that of `trainmark bench`: 0 where nothing is shown to be slower than allowed, 1
# where something is, or nothing could be judged, 2 where the arguments cannot be used.
# TRAINMARK_ARGUMENTS may have more arguments, separated by blanks, quoted as in a shell where they hold
# some. TRAINMARK_PROGRAM names a trainmark that is built; else it is built here.
set -euo pipefail
unset CDPATH
here=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=scripts/help.sh
. "$here/scripts/help.sh"
case ${1:-} in
    '' | -*) help_or_refuse '' "${1:---help}" ;;
esac
folder=$1
shift
mkdir -p "$folder/runs"
folder=$(cd "$folder" && pwd)

# What an earlier comparison has left must not stand for this one.
rm -f "$folder"/comment.md "$folder"/bencher.json "$folder"/gh-benchmark.json "$folder"/runs/latest
split=$(xargs -n 1 printf '%s\n' <<<"${TRAINMARK_ARGUMENTS:-}") || {
    echo "error: TRAINMARK_ARGUMENTS has a quote without its other half" >&2
    exit 2
}
words=()
while IFS= read -r word; do [ -z "$word" ] || words+=("$word"); done <<<"$split"

program=${TRAINMARK_PROGRAM:-}
if [ -z "$program" ]; then
    cargo build --quiet --locked --manifest-path "$here/Cargo.toml" --package trainmark
    program=${CARGO_TARGET_DIR:-$here/target}/debug/trainmark
fi

# A benchmark records what variables it was run with, and the backends run a stranger's code.
unset GITHUB_TOKEN GITLAB_TOKEN TRAINMARK_PROGRAM TRAINMARK_ARGUMENTS TRAINMARK_BASE TRAINMARK_HEAD \
    TRAINMARK_FAIL_ON TRAINMARK_BUDGET TRAINMARK_FOLDER
status=0
{ "$program" bench "${words[@]}" "$@" --out "$folder/runs" 2>&1 >&3 | tee "$folder/log.txt" >&2; } 3>&1 || status=$?

latest=$folder/runs/latest
if [ -e "$latest/events.jsonl" ]; then
    "$program" report "$latest" --format markdown >"$folder/comment.md"
    for format in bencher gh-benchmark; do
        # A run without any time has no metrics; that it has none, the comment says.
        "$program" report "$latest" --format "$format" >"$folder/$format.json" || rm "$folder/$format.json"
    done
else
    printf '## trainmark\n\nNothing was timed.\n' >"$folder/comment.md"
fi
# What became of the check, or why there was none, stands on standard error alone.
# An error goes on to the next empty line.
check=$(awk '/^(passed|failed|not judged|not decided|error): / { told = 1 } /^$/ { told = 0 } told { print "    " $0 }' \
    "$folder/log.txt")
[ -z "$check" ] || printf '\n%s\n' "$check" >>"$folder/comment.md"
exit "$status"
