#!/bin/sh
# Says whether what is fetched is to be for CUDA, too, by the exit status. VARIABLE, where one is named,
# says yes or no; else TRAINMARK_CUDA; else it is where there is a sign of an NVIDIA driver on this
# machine. With --signs, prints the files that are such signs, there or not, a line each; nothing where
# a variable has said.
# Who finds libraries for CUDA here may be a shell script or a program: this rule is for all of them.
# Usage: scripts/nvidia-driver.sh [--signs] [VARIABLE]
set -eu
# shellcheck source=scripts/help.sh
. "$(dirname "$0")/help.sh"
help_or_refuse --signs "$@"

signs=no
if [ "${1:-}" = --signs ]; then
    signs=yes
    shift
fi
said=
case ${1:-} in
    '') ;;
    *[!A-Z_]*)
        printf '%s is no name of a variable\n' "$1" >&2
        exit 2
        ;;
    *) eval "said=\${$1:-}" ;;
esac
case $said in yes | no) ;; *) said=${TRAINMARK_CUDA:-} ;; esac
case $said in
    yes) exit 0 ;;
    no) [ $signs = yes ] && exit 0 || exit 1 ;;
esac

# The kernel's module, a container's device, and Windows' driver as Linux sees it there.
set -- /proc/driver/nvidia/version /dev/nvidiactl /usr/lib/wsl/lib/libcuda.so.1
# A driver's own program, as on the PATH of a container on Windows.
IFS=:
set -f
for folder in ${PATH:-}; do
    case $folder in /*) set -- "$@" "$folder/nvidia-smi" ;; esac
done
if [ $signs = yes ]; then
    printf '%s\n' "$@"
    exit 0
fi
for sign; do
    [ ! -e "$sign" ] || exit 0
done
exit 1
