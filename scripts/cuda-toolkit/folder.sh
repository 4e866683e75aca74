# shellcheck shell=sh
# What cuda-toolkit.sh, fetch.sh and links.sh know of a CUDA toolkit and of a folder
# that holds one.

# Major and minor version of what is fetched; another minor version of the same major
# one that is installed does as well.
VERSION=13.0
# Written last into a folder of what was fetched.
# shellcheck disable=SC2034 # for those that read this file
MARKER=complete

# Where a toolkit keeps its libraries, or nothing.
libraries_of() {
    for libraries in lib64 lib "targets/$(uname -m)-linux/lib" targets/sbsa-linux/lib; do
        if [ -e "$1/$libraries/libcudart.so" ]; then
            printf '%s\n' "$1/$libraries"
            return
        fi
    done
}

# Fails where a folder's toolkit can be used; else says why it cannot.
unusable() {
    if [ ! -x "$1/bin/nvcc" ] || [ ! -f "$1/include/cuda.h" ]; then
        printf 'holds no CUDA toolkit (bin/nvcc, include/cuda.h)\n'
        return
    fi
    number=$(awk '/^#define CUDA_VERSION / { print $3; exit }' "$1/include/cuda.h")
    if [ "$((${number:-0} / 1000))" != ${VERSION%.*} ]; then
        printf 'is CUDA %s.%s, but %s is needed\n' $((${number:-0} / 1000)) $((${number:-0} % 1000 / 10)) ${VERSION%.*}
        return
    fi
    libraries=$(libraries_of "$1")
    for library in cudart cublas cublasLt curand nvrtc; do
        if [ ! -e "$libraries/lib$library.so" ]; then
            printf 'lacks lib%s.so\n' $library
            return
        fi
    done
    return 1
}

# What fetching takes on the disk, in MB: the wheels beside what is unpacked of them.
# shellcheck disable=SC2034 # for those that read this file
NEEDED_MB=1900

# About how many MB to download, and the platforms of the wheels for this machine; fails where there
# are none.
wheels() {
    case $(uname -sm) in
        'Linux x86_64') printf '%s\n' '693 manylinux_2_28_x86_64 manylinux_2_27_x86_64 manylinux_2_17_x86_64 manylinux2014_x86_64' ;;
        'Linux aarch64') printf '%s\n' '700 manylinux_2_28_aarch64 manylinux_2_27_aarch64 manylinux_2_17_aarch64 manylinux2014_aarch64' ;;
        *) return 1 ;;
    esac
}
