# shellcheck shell=bash
# What gpu-check.sh and gpu-lease.sh share: finding the bundle, the driver, and the libraries
# that the bundle's backends look for. The bundle carries this file in its folder gpu.

# Folders in which the driver's libraries are laid without the loader's knowledge.
readonly known_driver_folders="/usr/local/nvidia/lib64 /usr/local/nvidia/lib /usr/lib/wsl/lib /usr/lib64-nvidia"

# fresh_folder FOLDER FILE...: makes the folder for what comes out; fails and says why in `reason`
# where it cannot, or where one of these files is there from before.
fresh_folder() {
    local folder=$1 file
    shift
    for file in "$@"; do
        reason="$folder holds the $file of an earlier visit; name another folder, or move them away"
        [ ! -e "$folder/$file" ] || return 1
    done
    reason="$folder cannot be made"
    mkdir -p "$folder" 2>/dev/null
}

# unpack ARCHIVE FOLDER: with Python where there is no xz, which a small image may lack.
unpack() {
    if command -v xz >/dev/null || ! command -v python3 >/dev/null; then
        tar -C "$2" -xf "$1"
    else
        python3 -m tarfile -e "$1" "$2" 2>&1 | tail -n 1
        return "${PIPESTATUS[0]}"
    fi
}

# find_bundle [GIVEN] BASE TEMPORARY: sets `bundle` to the folder of the bundle, or fails and
# says why in `reason`. BASE is the folder of the script that was called; an archive is
# unpacked into TEMPORARY.
find_bundle() {
    local given=$1 base=$2 temporary=$3
    reason=
    [ -n "$given" ] || { [ -x "$base/harness/trainmark" ] && given=$base; }
    [ -n "$given" ] || given=$base/../target/gpu-bundle.tar.xz
    if [ -f "$given" ]; then
        if ! reason=$(unpack "$given" "$temporary" 2>&1); then
            reason="cannot unpack $given: $(grep -m 1 . <<<"$reason"); make it anew with scripts/gpu-bundle.sh"
            return 1
        fi
        given=$temporary/gpu-bundle
    fi
    if [ ! -x "$given/harness/trainmark" ]; then
        reason="no bundle in $given; make one with scripts/gpu-bundle.sh"
        return 1
    fi
    bundle=$(cd "$given" && pwd)
}

# Each folder of LD_LIBRARY_PATH, then the known ones, that has the file NAME.
folders_with() {
    local folder
    tr ':' '\n' <<<"${LD_LIBRARY_PATH:-}" | while read -r folder; do
        [ -z "$folder" ] || [ ! -e "$folder/$1" ] || printf '%s\n' "$folder"
    done
    for folder in $known_driver_folders; do
        [ ! -e "$folder/$1" ] || printf '%s\n' "$folder"
    done
}

# Whether there is anything of a driver.
has_driver() {
    [ -e /proc/driver/nvidia/version ] || command -v nvidia-smi >/dev/null || [ -n "$(folders_with libcuda.so.1)" ]
}

# Names the driver's folder to the loader where that finds no driver by itself, and those of
# programs to the shell.
find_driver() {
    local folder=
    read -r folder < <(folders_with libcuda.so.1) || true
    if [ -n "$folder" ] && [[ ":${LD_LIBRARY_PATH:-}:" != *":$folder:"* ]] &&
        ! grep -q 'libcuda\.so\.1 ' <<<"$(ldconfig -p 2>/dev/null)"; then
        export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder"
    fi
    # Its programs, and a toolkit's, are not always on the PATH.
    for folder in /usr/local/nvidia/bin /usr/local/cuda/bin /usr/local/cuda/compute-sanitizer /opt/nvidia/nsight-compute/*; do
        if [ -d "$folder" ] && [[ ":$PATH:" != *":$folder:"* ]]; then export PATH="$PATH:$folder"; fi
    done
}

# Folders in which a machine keeps CUDA's libraries: a toolkit's, and those of Python wheels.
cuda_folders() {
    local folder python
    for folder in "${CUDA_HOME:-}" /usr/local/cuda; do
        [ -z "$folder" ] || printf '%s\n' "$folder/lib64" "$folder/lib"
    done
    for python in python3 python; do
        command -v "$python" >/dev/null || continue
        "$python" - <<'PYTHON' 2>/dev/null || true
from glob import glob
from importlib.util import find_spec
spec = find_spec("nvidia")
for root in spec.submodule_search_locations if spec else []:
    print(*glob(f"{root}/*/lib"), sep="\n")
PYTHON
    done
}

# The folder of a PyTorch's libraries, whose version the harness's worker checks by loading.
torch_folder() {
    local python
    for python in python3 python; do
        command -v "$python" >/dev/null || continue
        "$python" -c '
from importlib.util import find_spec
spec = find_spec("torch")
print(spec.submodule_search_locations[0] + "/lib" if spec else "")' 2>/dev/null && return
    done
    return 0
}

# Gives the prebuilt libraries what they look for beside themselves; fails where the bundle
# cannot be written to.
link_libraries() {
    local shared=$bundle/cuda-libraries folder library name
    mkdir -p "$shared" || return
    while read -r folder; do
        # A pattern follows a linked folder, and gives itself where there is nothing.
        for library in "$folder"/lib*.so*; do
            name=${library##*/}
            # The first folder that has a library serves it.
            if [ -e "$library" ] && [ ! -e "$shared/$name" ]; then ln -sf "$library" "$shared/$name" || return; fi
        done
    done < <(cuda_folders)
    for name in candle dfdx; do
        [ ! -d "$bundle/backends/$name" ] || ln -sfn "$shared" "$bundle/backends/$name/cuda-libraries" || return
    done
    folder=$(torch_folder)
    if [ -n "$folder" ] && [ -d "$bundle/backends/tch" ]; then ln -sfn "$folder" "$bundle/backends/tch/libtorch"; fi
}
