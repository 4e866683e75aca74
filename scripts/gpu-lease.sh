#!/usr/bin/env bash
# Learns as much as one short visit to a machine with an NVIDIA GPU allows, from the bundle
# that scripts/gpu-bundle.sh makes: no cargo, no network, eight minutes. Its stages
# (gpu/stages.sh) have a time limit each, none stops the next, and what is known is packed anew
# after every one. docs/gpu.md says how to read what comes out.
# Usage: scripts/gpu-lease.sh OUT [BUNDLE]
#        scripts/gpu-lease.sh OUT [BUNDLE] --compare VARIANT...
#   OUT      folder for what comes out: summary.txt, results.tar.gz; without those of before
#   BUNDLE   the archive, or the folder it was unpacked to
#            [default: target/gpu-bundle.tar.xz of this checkout, or this script's folder]
#   VARIANT  of the hand-written backend, FOLDER+SWITCH+SWITCH: checked and timed in turn, the
#            first once more at the end. FOLDER is an unpacked bundle or what
#            `scripts/gpu-bundle.sh --variant` makes, `plain` or nothing the bundle itself; the
#            switches go to TRAINMARK_CUDA: --compare plain +staged +staged+overlap
# Environment: TRAINMARK_DEVICE [cuda:0]; TRAINMARK_LEASE_SECONDS for everything [480];
# TRAINMARK_LIMIT_STAGE for one stage, such as TRAINMARK_LIMIT_CHECK=60.
# Exit code: 0 every stage did its work, or lacked only a profiler; 1 one failed, was cut or
# could not begin; 2 the command line cannot be used.
set -uo pipefail
unset CDPATH
# shellcheck source=scripts/help.sh
. "$(dirname "$0")/help.sh"
help_or_refuse --compare "$@"

usage() {
    echo "error: $*; usage: $0 OUT [BUNDLE] [--compare VARIANT...]" >&2
    exit 2
}

total=${TRAINMARK_LEASE_SECONDS:-480}
# To pack, and to end what does not end by itself.
reserve=10
here=$(cd "$(dirname "$0")" && pwd)
export device=${TRAINMARK_DEVICE:-cuda:0}
# shellcheck source=scripts/gpu/common.sh
. "$here/gpu/common.sh"

given='' variants=() is_comparison=no
[ $# -ge 1 ] || usage "name the folder for the results"
out=$1
shift
if [ $# -ge 1 ] && [ "$1" != --compare ]; then
    given=$1
    shift
fi
if [ $# -ge 1 ]; then
    [ "$1" = --compare ] || usage "$1 is not known"
    shift
    [ $# -ge 1 ] || usage "--compare names no variant"
    is_comparison=yes variants=("$@")
fi
work=$(mktemp -d) || usage "there is no room for a temporary folder"

session='' warming='' watching=''
# shellcheck disable=SC2317 # called by the trap
end_everything() {
    [ -z "$session" ] || end_session "$session"
    [ -z "$warming" ] || end_session "$warming"
    [ -z "$watching" ] || end_session "$watching"
    rm -rf "$work"
}
trap end_everything EXIT
trap 'exit 130' INT TERM

export bundle=
if ! find_bundle "$given" "$here" "$work"; then
    [ -z "$given" ] || usage "$reason"
    no_bundle=$reason
fi
fresh_folder "$out" summary.txt results.tar.gz || usage "$reason"
out=$(cd "$out" && pwd)
export results=$work/results
mkdir "$results"

# Ends what is left of a stage: the harness's workers have process groups of their own.
end_session() {
    local file line
    local -a fields
    for file in /proc/[0-9]*/stat; do
        { read -r line <"$file"; } 2>/dev/null || continue
        # PID (NAME) STATE PARENT GROUP SESSION: a name may hold spaces and brackets.
        read -ra fields <<<"${line##*) }"
        [ "${fields[3]}" != "$1" ] || kill -KILL "${line%% *}" 2>/dev/null
    done
}

# The table, a line for each stage: name, seconds, outcome, what is most worth knowing.
lines=()
status=0 is_packed=yes
conclude() {
    local line
    printf -v line '%-12s %4s s  %-14s %s' "$1" "$2" "$3" "$4"
    lines+=("$line")
    printf '%s\n' "$line"
    case $3 in ok | 'left out') ;; *) status=1 ;; esac
}

# Packs everything anew. What was packed before stays where that fails, which is said once.
pack() {
    local trouble long
    { printf '%s\n' "${lines[@]}" >"$results/summary.txt"; } 2>/dev/null
    # Of a log that somebody flooded, both ends say enough.
    find "$results" -name '*.txt' -size +4096k 2>/dev/null | while read -r long; do
        { head -c 1M "$long" && printf '\n[…]\n' && tail -c 1M "$long"; } >"$long.short" && mv "$long.short" "$long"
    done
    if trouble=$({ cp "$results/summary.txt" "$out/summary.txt.new" && mv "$out/summary.txt.new" "$out/summary.txt" &&
        tar -C "$work" -czf "$out/results.tar.gz.new" results &&
        mv "$out/results.tar.gz.new" "$out/results.tar.gz"; } 2>&1); then
        return
    fi
    rm -f "$out"/*.new
    [ $is_packed = yes ] || return
    is_packed=no
    conclude packing 0 failed "${trouble%%$'\n'*}; what was packed before stays in $out"
}

# stage NAME SECONDS [WORD...]: one of gpu/stages.sh, with at most so many seconds and no more
# than are left.
stage() {
    local name=$1 limit=$2 variable left began=$SECONDS code=0 outcome
    shift 2
    variable=${name%%-[0-9]*}
    variable=TRAINMARK_LIMIT_${variable^^}
    variable=${variable//-/_}
    limit=${!variable:-$limit}
    left=$((total - reserve - SECONDS))
    [ "$limit" -le "$left" ] || limit=$left
    if [ "$limit" -lt 1 ]; then
        conclude "$name" 0 'not begun' "the $total s are over"
        return
    fi
    export folder=$results/$name limit
    if ! mkdir -p "$folder" || ! : >"$folder/log.txt"; then
        conclude "$name" 0 'not begun' "nothing can be written to $work"
        return
    fi
    setsid timeout -k 5 "$limit" bash "$here/gpu/stages.sh" "${name%%[!a-z]*}" "$@" \
        >"$folder/log.txt" 2>&1 </dev/null &
    session=$!
    # What is stuck in the driver cannot be ended, and is not waited for.
    until ! kill -0 "$session" 2>/dev/null || [ $((SECONDS - began)) -gt $((limit + 8)) ]; do sleep 0.1; done
    if kill -0 "$session" 2>/dev/null; then code=124; else wait "$session" || code=$?; fi
    end_session "$session"
    session=
    case $code in
        0) outcome=ok ;;
        3) outcome='left out' ;;
        124 | 137) outcome="cut at $limit s" ;;
        *) outcome="failed ($code)" ;;
    esac
    conclude "$name" $((SECONDS - began)) "$outcome" \
        "$(awk 'NR > 1 { printf " · " } { printf "%s", $0 }' "$folder/key.txt" 2>/dev/null)"
    pack
}

# Reads what is large from the disk while something else is waited for.
# shellcheck disable=SC2317 # called by a shell of its own
warm_disk() {
    local torch
    torch=$(torch_folder)
    cat "$torch"/*.so* "${bundle:-/nowhere}"/cuda-libraries/* "${bundle:-/nowhere}"/backends/*/*.so >/dev/null 2>&1
}

find_driver
if [ -z "$bundle" ]; then
    conclude bundle 0 failed "$no_bundle"
elif ! link_libraries 2>"$results/links.txt"; then
    conclude bundle 0 failed "CUDA's libraries cannot be linked to in $bundle; make it writable"
fi
has_driver || conclude driver 0 failed "no NVIDIA driver on this machine; install one for CUDA 13"
export -f torch_folder warm_disk
setsid bash -c warm_disk >/dev/null 2>&1 </dev/null &
warming=$!

# A client that stays keeps the device awake between the many that come and go, and tells how its
# clocks were.
if command -v nvidia-smi >/dev/null; then
    setsid nvidia-smi --query-gpu=timestamp,clocks.sm,clocks.mem,power.draw,temperature.gpu,utilization.gpu \
        --format=csv --loop=2 >"$results/clocks.txt" 2>&1 </dev/null &
    watching=$!
fi

if [ $is_comparison = yes ]; then
    # shellcheck source=scripts/gpu/compare.sh
    . "$here/gpu/compare.sh"
    compare "${variants[@]}"
else
    stage machine 20
    stage check 35
    stage switched 20
    stage replays 45
    stage kernels 40
    stage sanitizer 40
    stage checks 90
    stage bench $(((total - SECONDS) / 2))
    stage bench-all "$total" all
fi

pack
size=$(stat -c %s "$out/results.tar.gz" 2>/dev/null)
printf '\nafter %s s, in %s/results.tar.gz (%s KiB):\n' "$SECONDS" "$out" "$((${size:-0} / 1024))"
printf '%s\n' "${lines[@]}"
[ ! -f "$results/table.txt" ] || cat "$results/table.txt"
exit $status
