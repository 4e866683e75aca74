# shellcheck shell=sh disable=SC2034,SC2154 # MARKER is for who reads this file, backend from there
# What build.sh, libtorch.sh and fetch.sh know of libtorch and of a folder that holds one, each for the
# tch of the current folder, where that is one in versions/, else for the one beside them. They say
# beforehand in $backend where they lie.

# Where that libtorch is told of: a working copy of tch may have nothing of its own to say of it.
wanted=$PWD
case $(pwd -P) in
    "$backend"/versions/*) [ -f version.sh ] || wanted=$backend ;;
    *) cd "$backend" && wanted=$backend ;;
esac
# shellcheck source=backends/tch/version.sh
. "$wanted/version.sh"
# Written last into a folder of what was fetched.
MARKER=complete

# `2.9.1` from the headers of a folder, or nothing.
version_of() {
    for header in torch/headeronly/version.h torch/csrc/api/include/torch/version.h; do
        [ -f "$1/include/$header" ] || continue
        version=$(awk '/^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) / { printf "%s%s", dot, $3; dot = "." }' \
            "$1/include/$header")
        [ -z "$version" ] || break
    done
    printf '%s\n' "${version:-}"
}

# Fails where a folder's libtorch can be used; else says why it cannot.
unusable() {
    version=$(version_of "$1")
    if [ -z "$version" ]; then
        printf 'holds no libtorch with its headers (include/torch/headeronly/version.h)\n'
    elif [ "$version" != $VERSION ]; then
        printf 'is libtorch %s, but tch needs %s\n' "$version" $VERSION
    elif [ -f "$1/lib/libtorch_cpu.dylib" ]; then
        return 1
    elif [ ! -f "$1/lib/libtorch_cpu.so" ]; then
        printf 'has no lib/libtorch_cpu.so\n'
    else
        lacking=$(lacking "$1/lib/libtorch_cpu.so")
        [ -n "$lacking" ] || return 1
        printf 'lacks %s\n' "$lacking"
    fi
}

# Libraries that a library asks for in vain. The driver's is no part of libtorch.
lacking() {
    env -u LD_LIBRARY_PATH ldd "$1" 2>/dev/null |
        sed -n '/libcuda\.so/d; s/^[[:space:]]*\([^ ]*\) => not found.*/\1/p' | sort -u | paste -s -d ' ' -
}

# Fails where a folder's libtorch, which can be used, also can on CUDA; else says why not.
without_cuda() {
    if [ ! -f "$1/lib/libtorch_cuda.so" ]; then
        printf 'has no lib/libtorch_cuda.so\n'
    else
        lacking=$(lacking "$1/lib/libtorch_cuda.so")
        [ -n "$lacking" ] || return 1
        printf 'lacks %s for CUDA\n' "$lacking"
    fi
}

# Where a libtorch is that of an environment which trainmark has made for a backend in Python, tells
# it that the library in a folder is linked to it: it is not removed as long as the folder is there.
keep_environment() {
    environment=${1%/lib/python3.*/site-packages/torch}
    [ "$environment" != "$1" ] && [ -f "$environment/complete" ] || return 0
    case $environment in */trainmark/python/*) ;; *) return 0 ;; esac
    while IFS= read -r user; do
        [ "$user" != "$2" ] || return 0
    done 2>/dev/null <"$environment/users" || :
    printf '%s\n' "$2" 2>/dev/null >>"$environment/users" || :
}

# Whether a libtorch with CUDA is wanted.
wants_cuda() {
    sh "$backend/../../scripts/nvidia-driver.sh" TRAINMARK_TCH_CUDA
}

# `wheels` or `wheels cuda`: the MB to download and the platforms of the wheels for this
# machine; fails where there are none.
wheels() {
    row=$(printf '%s' "$WHEELS" | awk -v machine="$(uname -sm)" -v kind="${1:-cpu}" '
        { megabytes = kind == "cuda" ? $4 : $3 }
        $1 " " $2 == machine && megabytes != "-" { print megabytes, $5 }')
    case $row in
        '') return 1 ;;
        *' ') printf '%s%s\n' "$row" "$(on_linux "$(uname -m)")" ;;
        *) printf '%s\n' "$row" ;;
    esac
}

# What fetching takes on the disk, in MB: the wheels beside what is unpacked of them, and
# what libtorch_cpu needs, or all of it.
needed_mb() {
    case ${1:-} in
        cuda) wheels cuda | awk '{ print $1 * 3 }' ;;
        *) echo 1900 ;;
    esac
}

# The platforms that NVIDIA and PyTorch name in their wheels.
on_linux() {
    printf '%s ' "manylinux_2_28_$1" "manylinux_2_27_$1" "manylinux_2_25_$1" "manylinux_2_18_$1" "manylinux2014_$1"
}
