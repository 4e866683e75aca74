#!/usr/bin/env bash
# One stage of gpu-lease.sh: stages.sh NAME [WORD...]. What it prints is kept as its log.txt;
# other files go to $folder, and what the table is to say of it to key.txt there.
# In the environment: bundle (empty where there is none), device, folder, limit (seconds).
# Exit code: 0 done; 1 failed; 3 left out, for want of a program of the machine's.
set -uo pipefail
# shellcheck source=scripts/gpu/common.sh
. "$(dirname "$0")/common.sh"
# As gpu-lease.sh exports them.
: "${bundle=}" "${device:?}" "${folder:?}" "${limit:?}"
until=$((SECONDS + limit))
# What the hand-written backend can switch on, all of it.
all_switches=staged,overlap,carved,pairs,folded

# Keeps a line for the table.
tell() { printf '%s\n' "$*" | tee -a "$folder/key.txt"; }

needs_bundle() {
    [ -n "$bundle" ] || {
        tell "left out: there is no bundle"
        exit 1
    }
}

# within SECONDS COMMAND...: at most so long, and a little less than this stage has left.
within() {
    local seconds=$1 left=$((until - SECONDS - limit / 20))
    shift
    [ "$seconds" -le "$left" ] || seconds=$left
    if [ "$seconds" -lt 1 ]; then
        echo "no time left for: $*"
        return 124
    fi
    timeout -k 5 "$seconds" "$@"
}

trainmark() {
    local command=$1 seconds=$2
    shift 2
    # The system may count its memory low at first, and give more when more is used.
    within "$seconds" "$bundle/harness/trainmark" "$command" "$@" --memory-limit 64GiB --data-dir "$bundle/data" \
        --dataset fashion-mnist --offline
}

# verdict LOG CODE [NAME]: what a `check` comes to: cells that passed, and the first line that
# tells of trouble.
verdict() {
    local trouble='it was cut'
    [ "$2" = 124 ] || [ "$2" = 137 ] || trouble=$(grep -m 1 -E 'FAIL|failed|unavailable|error|panicked|timed out' "$1" | sed 's/^ *//' | cut -c 1-120)
    tell "${3:+$3: }$(grep -c 'passed all' "$1") cells passed${trouble:+, but $trouble}"
}

# Where the loader, LD_LIBRARY_PATH, known folders, toolkits and wheels have a library.
places() {
    local name=$1 place
    # Asking the Pythons takes a while.
    [ -n "${searched:-}" ] || searched=$(cuda_folders; torch_folder)
    {
        ldconfig -p 2>/dev/null | sed -n "s|.* => \(.*/$name\)$|\1 (loader)|p"
        folders_with "$name" | sed "s|$|/$name|"
        while read -r place; do
            [ ! -e "$place/$name" ] || printf '%s\n' "$place/$name"
        done <<<"$searched"
    } | sort -u | sed "s|^|$name: |" | grep . || echo "$name: nowhere"
}

stage_machine() {
    local name gpu knows built here
    date -u +%Y-%m-%dT%H:%M:%SZ
    built=$(cat "${bundle:-/nowhere}/TOOLKIT" 2>/dev/null)
    echo "bundle of revision $(cat "${bundle:-/nowhere}/REVISION" 2>/dev/null || echo '(no bundle)'), CUDA ${built:-unknown}"
    uname -srm
    nproc
    grep -E 'MemTotal|MemAvailable' /proc/meminfo
    df -h "$folder" /
    env | grep -E '^(LD_LIBRARY_PATH|CUDA_|NVIDIA_|PATH)' || true
    if command -v nvidia-smi >/dev/null; then
        within 6 nvidia-smi >"$folder/nvidia-smi.txt" 2>&1
        within 6 nvidia-smi -q -d MEMORY,UTILIZATION,ECC,TEMPERATURE,POWER,CLOCK,COMPUTE,PERFORMANCE \
            >"$folder/nvidia-smi-q.txt" 2>&1
        cat "$folder/nvidia-smi.txt"
        gpu=$(within 6 nvidia-smi --query-gpu=name,driver_version,memory.total,compute_cap --format=csv,noheader 2>&1)
        gpu=${gpu%%$'\n'*}
        tell "${gpu:-nvidia-smi lists no GPU}"
        knows=$(sed -nE 's/.*CUDA[A-Z ]*Version: *([0-9]+\.[0-9]+).*/\1/p' "$folder/nvidia-smi.txt" | head -n 1)
        # The older of both comes first.
        if [ -n "$knows" ] && [ -n "$built" ] && [ "$knows" != "$built" ] &&
            [ "$(printf '%s\n' "$knows" "$built" | sort -V | head -n 1)" = "$knows" ]; then
            tell "the driver knows CUDA $knows, the bundle was built with $built: the PTX of candle and dfdx is refused; make the bundle with CUDA $knows or update the driver"
        fi
    else
        tell "nvidia-smi is not here"
    fi
    here=$(git -C "$(dirname "$0")/../.." describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null)
    if [ -n "$bundle" ] && [ -n "$here" ] && [ "$here" != "$(cat "$bundle/REVISION" 2>/dev/null)" ]; then
        tell "the bundle is of another revision than this checkout, $here; make it anew with scripts/gpu-bundle.sh"
    fi
    for name in libcuda.so.1 libnvidia-ml.so.1 libnvidia-ptxjitcompiler.so.1 libcudart.so.13 libcublas.so.13 \
        libcublasLt.so.13 libcurand.so.10 libnvrtc.so.13 libcudnn.so.9 libtorch_cpu.so libtorch_cuda.so; do
        places "$name"
    done
    for name in nvcc ncu nsys compute-sanitizer python3; do
        command -v "$name" || { echo "$name: nowhere" && continue; }
        within 4 "$name" --version 2>&1 | tail -n 2
    done
    cat "$(torch_folder)/../version.py" 2>/dev/null
    needs_bundle
    within 15 "$bundle/harness/trainmark" doctor 2>&1 | tee "$folder/doctor.txt"
}

# hand_written LOG WORD...: its check on the device, into LOG.txt.
hand_written() {
    local log=$folder/$1.txt code=0
    shift
    trainmark check "$limit" "$@" --device "$device" --timeout 30s >"$log" 2>&1 || code=$?
    cat "$log"
    verdict "$log" $code
    return $code
}

stage_check() {
    needs_bundle
    hand_written check handwritten
}

# That nothing is fast because it is wrong.
stage_switched() {
    needs_bundle
    TRAINMARK_CUDA=$all_switches hand_written check handwritten/builtin --workload lenet-bn
}

# epoch LABEL WORD...: the timing program, into LABEL.txt.
epoch() {
    local label=$1
    shift
    within 15 "${variant_tool:-$bundle/tools/epoch-handwritten}" --implementation builtin --device "$device" "$@" \
        >"$folder/$label.txt" 2>&1
    local code=$?
    [ $code != 124 ] || echo "it was cut" >>"$folder/$label.txt"
    echo "== $label"
    cat "$folder/$label.txt"
    return $code
}

# `22.1 47.05` of `line: 22.1 µs per epoch and 47.05 µs per step`.
line_of() { sed -nE 's/^line: (-?[0-9.]+) µs per epoch and (-?[0-9.]+) µs per step$/\1 \2/p' "$1"; }
# The median of all epochs in these files, in ms.
median_of() {
    sed -nE 's/^epoch [0-9]+: ([0-9.]+) ms.*/\1/p' "$@" | sort -n |
        awk '{ v[NR] = $1 } END { if (NR) printf "%.3f\n", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# replays_and_epochs LABEL SEED...
replays_and_epochs() {
    local label=$1 seed files=() code=0
    shift
    epoch "$label-replays" --mode replays --epochs 40 || code=1
    for seed in "$@"; do
        epoch "$label-seed-$seed" --mode epochs --epochs 20 --seed "$seed" || code=1
        files+=("$folder/$label-seed-$seed.txt")
    done
    read -r intercept slope < <(line_of "$folder/$label-replays.txt") || intercept='' slope=''
    median=$(median_of "${files[@]}")
    if [ -n "$slope$median" ]; then
        tell "$label: ${intercept:-?} µs + ${slope:-?} µs per step, median epoch ${median:-?} ms"
    else
        tell "$label: $(grep -h -m 1 . "$folder/$label-replays.txt" | cut -c 1-160 || echo 'nothing was printed')"
    fi
    return $code
}

# The losses of all epochs in a file.
losses_of() { sed -nE 's/^epoch [0-9]+: .*, loss ([0-9.]+)$/\1/p' "$1"; }

# compare_losses LABEL: whether it trained as without switches. Two programs that compute the same
# bits tell the same; sums in another order show in the first epoch's sixth digit.
compare_losses() {
    local own plain
    own=$(losses_of "$folder/$1-seed-1.txt") plain=$(losses_of "$folder/default-seed-1.txt")
    if [ -z "$own" ]; then
        return
    elif [ "$own" = "$plain" ]; then
        tell "$1: losses to the last digit as without"
    else
        tell "$1: first epoch's loss ${own%%$'\n'*}, without ${plain%%$'\n'*}"
    fi
}

stage_replays() {
    needs_bundle
    local switch code=0
    replays_and_epochs default 1 2 3 || code=1
    # All together, then each alone; where nothing runs at all, they would say the same.
    [ $code = 0 ] || return 1
    for switch in $all_switches staged overlap overlap,carved pairs folded; do
        [ $((until - SECONDS)) -gt 6 ] || break
        TRAINMARK_CUDA=$switch replays_and_epochs "${switch//,/+}" 1 || code=1
        compare_losses "${switch//,/+}"
    done
    return $code
}

# timed_kernels LABEL: the program that times each kernel alone, into LABEL.txt.
timed_kernels() {
    local code=0
    within 8 "$bundle/tools/kernels-handwritten" --device "$device" --repeats 200 >"$folder/$1.txt" 2>&1 || code=$?
    [ $code != 124 ] || echo "it was cut" >>"$folder/$1.txt"
    echo "== $1"
    cat "$folder/$1.txt"
    # Its last lines are the sum of all kernels and the step.
    tell "$1: $(tail -n 2 "$folder/$1.txt" | awk 'NR > 1 { printf ", " } { printf "%s", $0 }' | cut -c 1-160)"
    return $code
}

stage_kernels() {
    needs_bundle
    local switch code=3 has_tool=no
    local one_step=("$bundle/tools/epoch-handwritten" --implementation builtin --device "$device" --mode one-step --samples 256)
    if [ -x "$bundle/tools/kernels-handwritten" ]; then
        has_tool=yes code=0
        timed_kernels default || code=1
    else
        tell "the bundle has no kernels-handwritten"
    fi
    if profile_kernels && [ $code = 3 ]; then code=0; fi
    # The switches that change kernels; where none runs, they would say the same.
    for switch in overlap,carved,pairs,folded overlap pairs folded; do
        [ $has_tool$code != yes0 ] || TRAINMARK_CUDA=$switch timed_kernels "${switch//,/+}" || true
    done
    return $code
}

# Each kernel of one step by the profiler that is there; fails where none tells anything.
profile_kernels() {
    # Cycles do not depend on how fast the clock happens to be. Caches stay as the kernel before has
    # left them, as in a step.
    local metrics=gpu__time_duration.sum,sm__cycles_elapsed.max,sm__throughput.avg.pct_of_peak_sustained_elapsed
    metrics+=,gpu__compute_memory_throughput.avg.pct_of_peak_sustained_elapsed,lts__t_bytes.sum
    metrics+=,sm__warps_active.avg.pct_of_peak_sustained_active,launch__registers_per_thread
    if command -v ncu >/dev/null; then
        within 25 ncu --clock-control none --cache-control none --csv --metrics "$metrics" "${one_step[@]}" \
            >"$folder/ncu.csv" 2>&1
        cat "$folder/ncu.csv"
        if grep -q 'gpu__time_duration.sum' "$folder/ncu.csv"; then
            tell "ncu: $(grep -c 'gpu__time_duration.sum' "$folder/ncu.csv") launches"
            return
        fi
        tell "ncu: $(grep -m 1 -E '==(ERROR|WARNING)==' "$folder/ncu.csv" || echo 'nothing was profiled')"
    fi
    if command -v nsys >/dev/null; then
        (cd "$folder" && within 25 nsys profile --stats true --output one-step "${one_step[@]}") >"$folder/nsys.txt" 2>&1
        cat "$folder/nsys.txt"
        tell "nsys: $(grep -c 'fused_' "$folder/nsys.txt") lines of kernels"
        return
    fi
    command -v ncu >/dev/null || tell "neither ncu nor nsys is here"
    return 1
}

stage_sanitizer() {
    needs_bundle
    command -v compute-sanitizer >/dev/null || {
        tell "compute-sanitizer is not here"
        exit 3
    }
    local tool code=0
    for tool in memcheck racecheck; do
        sanitize "$tool" "$tool" 64 || worse $?
        # An odd number of samples, of which the last pair has one.
        TRAINMARK_CUDA=$all_switches sanitize "$tool" "$tool-switched" 63 || worse $?
    done
    return $code
}

# What was found counts more than what could not be looked for.
worse() { [ "$code" = 1 ] || code=$1; }

# sanitize TOOL LABEL SAMPLES: one step, into LABEL.txt; 3 where the tool gives no verdict.
sanitize() {
    local log=$folder/$2.txt found
    within $(((limit - 2) / 4)) compute-sanitizer --tool "$1" "$bundle/tools/epoch-handwritten" \
        --implementation builtin --device "$device" --mode one-step --samples "$3" >"$log" 2>&1
    echo "== $2"
    cat "$log"
    found=$(grep -m 1 -E 'ERROR SUMMARY|RACECHECK SUMMARY' "$log" | sed 's/^=* *//')
    # It also sums up a program that it could not let run.
    if [ -z "$found" ] || ! grep -q '^one step: ' "$log"; then
        tell "$2: $(grep -m 1 -iE 'error:|not supported|unable' "$log" || echo 'no verdict')"
        return 3
    fi
    tell "$2: $found"
    [[ $found == *': 0 errors'* || $found == *': 0 hazards'* ]]
}

stage_checks() {
    needs_bundle
    local name devices threads=$(($(nproc) / 4)) outcome code=0
    local -A running=()
    [ "$threads" -ge 1 ] || threads=1
    # dfdx compiles its kernels when it is first used, which takes the longest and tells the least.
    for name in tch candle handwritten dfdx; do
        devices=cpu,$device
        [ "$device" != cpu ] || devices=cpu
        trainmark check "$limit" "$name" --device "$devices" --timeout 60s --threads "$threads" \
            >"$folder/$name.txt" 2>&1 &
        running[$name]=$!
    done
    for name in tch candle handwritten dfdx; do
        outcome=0
        wait "${running[$name]}" || outcome=$? code=1
        verdict "$folder/$name.txt" $outcome "$name"
    done
    # What is right then was off by an algorithm's order of additions.
    if grep -q '^ *FAIL' "$folder/tch.txt"; then
        outcome=0
        TRAINMARK_TCH_CUDNN_BENCHMARK=0 trainmark check "$limit" tch --device "$device" --timeout 60s \
            >"$folder/tch-deterministic.txt" 2>&1 || outcome=$?
        verdict "$folder/tch-deterministic.txt" $outcome "tch, deterministic"
    fi
    return $code
}

# Medians of the epochs' seconds, by cell.
medians() {
    awk -F , 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        { print $at["backend"] "/" $at["implementation"] " " $at["workload"], $at["train_seconds"] }' "$1" |
        sort -k 1,2 -k 3,3g | awk '
            function say() { if (n) printf "%s %.2f ms\n", cell, 500 * (v[int((n + 1) / 2)] + v[int(n / 2) + 1]) }
            $1 " " $2 != cell { say(); cell = $1 " " $2; n = 0 }
            { v[++n] = $3 }
            END { say() }'
}

stage_bench() {
    needs_bundle
    local backends=(handwritten tch candle) words=(--workload lenet-bn --seeds 3) code=0 line
    [ "${1:-}" != all ] || backends=(all) words=(--workload lenet-bn --seeds 2)
    # Interrupted before it is cut, it still writes its report.
    local budget=$((limit > 40 ? limit - 25 : limit))
    trainmark bench $((limit > 30 ? limit - 15 : limit)) "${backends[@]}" --device "$device" "${words[@]}" --epochs 5 \
        --budget "${budget}s" --timeout 30s --out "$folder/runs" || code=$?
    if [ $code = 124 ] && [ -e "$folder/runs/latest" ]; then
        within 8 "$bundle/harness/trainmark" report "$folder/runs/latest"
    fi
    medians "$folder/runs/latest/epochs.csv" >"$folder/medians.txt" 2>/dev/null
    while read -r line; do tell "$line"; done <"$folder/medians.txt"
    [ -s "$folder/medians.txt" ] || tell "no epoch was timed"
    return $code
}

# Leaves what the table of variants shows in numbers.txt: check, intercept, slope, median.
stage_variant() {
    needs_bundle
    local verdict='-' code=0
    if [ "$1" = check ]; then
        cd "${variant_root:?}" || return 1
        # A kernel that hangs must not take the time for the others' numbers.
        trainmark check $(((limit + 1) / 2)) handwritten/builtin --device "$device" --workload lenet-bn --timeout 30s \
            >"$folder/check.txt" 2>&1 || code=$?
        cat "$folder/check.txt"
        verdict "$folder/check.txt" $code
        case $code in 0) verdict=passed ;; 124 | 137) verdict='cut' ;; *) verdict=FAILED ;; esac
        printf '%s\n' "$verdict - - -" >"$folder/numbers.txt"
    fi
    replays_and_epochs "times" 1 2 3 || code=1
    printf '%s\n' "$verdict ${intercept:--} ${slope:--} ${median:--}" >"$folder/numbers.txt"
    return $code
}

name=$1
shift
# There the program finds the bundle's backends.
cd "${bundle:-/}" || exit 1
"stage_$name" "$@"
