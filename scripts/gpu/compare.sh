# shellcheck shell=bash
# gpu-lease.sh --compare: variants of the hand-written backend in turn, the first once more at
# the end, which shows how far the machine has drifted.
# As gpu-lease.sh sets them.
: "${results:?}" "${bundle?}" "${total:?}" "${reserve:?}" "${work:?}"

# find_variant FOLDER: sets `variant_library` and `variant_tool`, or fails and says why in
# `reason`. An empty folder is the bundle itself.
find_variant() {
    local from=${1:-$bundle} library tool
    variant_library='' variant_tool=''
    for library in "$from"/libtrainmark_handwritten.so "$from"/backends/handwritten/libhandwritten-cuda.so; do
        [ ! -f "$library" ] || variant_library=$(realpath "$library")
    done
    for tool in "$from"/epoch-handwritten "$from"/tools/epoch-handwritten "$from"/examples/epoch; do
        [ ! -x "$tool" ] || variant_tool=$(realpath "$tool")
    done
    reason="no library with its program epoch-handwritten in ${from:-the bundle}; make a folder with scripts/gpu-bundle.sh --variant"
    [ -n "$variant_library" ] && [ -n "$variant_tool" ]
}

# lay_out FOLDER: makes FOLDER like a repository in which the variant is the backend, since the
# program takes no second one of a name.
lay_out() {
    mkdir -p "$1/harness" "$1/backends" &&
        cp -r "$bundle/backends/handwritten" "$1/backends" &&
        cp "$variant_library" "$1/backends/handwritten/libhandwritten-cuda.so"
}

compare() {
    local order=("$@") place variant from switches left count share name
    [ $# -lt 2 ] || order+=("$1")
    count=${#order[@]}
    : >"$results/variants.txt"
    stage machine 20
    for place in "${!order[@]}"; do
        variant=${order[place]}
        from=${variant%%+*}
        [ "$from" != plain ] || from=
        switches=
        [[ $variant != *+* ]] || switches=${variant#*+}
        name=variant-$((place + 1))
        printf '%s %s\n' "$name" "$variant" >>"$results/variants.txt"
        if ! find_variant "$from"; then
            conclude "$name" 0 failed "$variant: $reason"
            continue
        fi
        if [ -n "$bundle" ] && ! reason=$(lay_out "$work/$name" 2>&1); then
            conclude "$name" 0 failed "$variant: $reason"
            continue
        fi
        left=$((total - reserve - SECONDS))
        share=$((left / (count - place)))
        [ "$share" -le 90 ] || share=90
        export variant_tool variant_root=$work/$name
        if [ -n "$switches" ]; then export TRAINMARK_CUDA=${switches//+/,}; else unset TRAINMARK_CUDA; fi
        # The first has been checked when it comes again.
        if [ $# -ge 2 ] && [ "$place" -eq $((count - 1)) ]; then
            stage "$name" "$share" again
        else
            stage "$name" "$share" check
        fi
    done
    table >"$results/table.txt"
    pack
}

# Ratios below 1 are faster than the first variant.
table() {
    local name variant
    printf '\n'
    while read -r name variant; do
        printf '%s\t%s\n' "$variant" "$(cat "$results/$name/numbers.txt" 2>/dev/null || echo '- - - -')"
    done <"$results/variants.txt" | awk -F '\t' '
        function ratio(value, first) { return value + 0 > 0 && first + 0 > 0 ? sprintf("%.3f", value / first) : "-" }
        BEGIN { print "variant|check|µs per epoch|µs per step|ratio|median epoch, ms|ratio" }
        { split($2, v, " "); if (NR == 1) split($2, a, " ")
          printf "%s|%s|%s|%s|%s|%s|%s\n", $1, v[1], v[2], v[3], ratio(v[3], a[3]), v[4], ratio(v[4], a[4]) }' |
        align
}

# Columns of equal width; `column` is not everywhere.
align() {
    awk -F '|' '{ rows[NR] = $0; for (i = 1; i <= NF; i++) if (length($i) > w[i]) w[i] = length($i) }
        END { for (r = 1; r <= NR; r++) { n = split(rows[r], f, "|"); line = ""
            for (i = 1; i <= n; i++) line = line sprintf("%-" w[i] "s  ", f[i]); sub(/ +$/, "", line); print line } }'
}
