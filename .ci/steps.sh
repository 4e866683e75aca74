# Steps with their times, of which the end prints a table, and downloads beside them.
# shellcheck shell=bash
scratch=$(mktemp -d)

# Seconds of processor time that ended children have taken, of what `times` has written: a shell
# of its own, as in a pipe or a substitution, would tell of its own children.
processor_seconds() {
    awk 'NR == 2 { split($1, user, /[ms]/); split($2, kernel, /[ms]/)
        print int(user[1] * 60 + user[2] + kernel[1] * 60 + kernel[2]) }' "$scratch/times"
}

current='' begun=0 used=0 table=''
end_step() {
    [ -n "$current" ] || return 0
    local wall=$((SECONDS - begun)) processor
    times >"$scratch/times"
    processor=$(processor_seconds)
    table+=$(printf '%5d:%02d %8d s  %s' $((wall / 60)) $((wall % 60)) $((processor - used)) "$current")$'\n'
    used=$processor
}
step() {
    end_step
    current=$1 begun=$SECONDS
    printf '\n== %s (%d min %02d s so far)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60))
}
# Also where a step fails: the last line is the one that did.
finish() {
    local status=$?
    end_step
    printf '\n    wall  processors  step\n%s%5d:%02d %8d s  in all\n' "$table" $((SECONDS / 60)) $((SECONDS % 60)) "$used"
    [ $status -eq 0 ] || echo "failed: $current"
    rm -rf "$scratch"
    exit $status
}
trap finish EXIT

# A download that goes on while something else is compiled: its output, and whether it went well.
download() {
    local name=$1
    shift
    { "$@" >"$scratch/$name" 2>&1 || touch "$scratch/$name.failed"; } &
    eval "download_$name=$!"
}
await() {
    local process=download_$1
    wait "${!process}" || true
    cat "$scratch/$1"
    [ ! -e "$scratch/$1.failed" ]
}

# What takes minutes to compile of the backends' frameworks, a machine compiles once: cargo knows by
# its content what of it still holds. A new machine has none, and compiles it all.
keep() {
    local kept=${XDG_CACHE_HOME:-$HOME/.cache}/trainmark/ci/$1 place=target/backends/$1
    [ ! -e "$place" ] || return 0
    mkdir -p "$kept" "$(dirname "$place")"
    ln -s "$kept" "$place"
}
