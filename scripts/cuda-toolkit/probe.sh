#!/bin/sh
# Says whether cuda-toolkit.sh finds or can fetch a toolkit, for a build that is asked by
# the harness: its last line is why not, without the words that the harness puts before it.
set -eu
reason=$(sh "$(dirname "$0")/../cuda-toolkit.sh" --probe 2>&1) && exit 0
printf '%s\n' "$reason" | sed 's/^error: //'
exit 1
