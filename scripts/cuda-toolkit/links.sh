#!/bin/sh
# links.sh TOOLKIT FOLDER: makes FOLDER, whole or not at all, a CUDA_HOME of links to an
# installed toolkit, with its libraries in lib and lib64 and stubs in lib/stubs.
set -eu
unset CDPATH
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=scripts/cuda-toolkit/folder.sh
. "$here/folder.sh"
toolkit=$1
folder=$2
[ ! -f "$folder/$MARKER" ] || exit 0

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

staging=$folder.making.$$
trap 'rm -rf "$staging"' EXIT
mkdir -p "$staging/lib" || fail "links to the CUDA toolkit in $toolkit cannot be kept in $folder; make it writable"
libraries=$(libraries_of "$toolkit")
for entry in bin include nvvm; do ln -s "$toolkit/$entry" "$staging/$entry"; done
for library in "$libraries"/*; do
    case ${library##*/} in stubs | libcuda.*) ;; *) ln -s "$library" "$staging/lib/" ;; esac
done
ln -s lib "$staging/lib64"
sh "$here/stubs.sh" "$staging"
: >"$staging/$MARKER"
[ -f "$folder/$MARKER" ] || rm -rf "$folder"
if [ -d "$folder" ] || ! mv "$staging" "$folder"; then
    [ -f "$folder/$MARKER" ] || fail "links to the CUDA toolkit in $toolkit cannot be kept in $folder"
fi
rm -rf "${folder:?}/${staging##*/}"
