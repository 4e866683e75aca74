# As ../../version.sh says.
# shellcheck shell=sh disable=SC2034 # folder.sh reads this file
VERSION=2.13.0
WHEELS='
Linux x86_64   540 2518
Linux aarch64  440 2659
Darwin arm64   111 -    macosx_14_0_arm64
'
