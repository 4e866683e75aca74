# The libtorch that this version of tch is made for, and how many MB its wheels are on a machine:
# for the CPU, and with CUDA; where the platform of a wheel is not Linux's, also that.
# shellcheck shell=sh disable=SC2034 # folder.sh reads this file
VERSION=2.11.0
WHEELS='
Linux x86_64   543 2512
Linux aarch64  432 2631
Darwin arm64   81  -    macosx_11_0_arm64
'
