#!/bin/sh
# stubs.sh CUDA_HOME: makes lib/stubs/libcuda.so, to link with where there is no driver:
# it has the functions that cuda.h declares, none of which does anything, and its name
# at run time is the driver's, libcuda.so.1.
set -eu
stubs=$1/lib/stubs
mkdir -p "$stubs"
# Declarations may put the name on the next line, and old versions of a function are
# declared further down under their own name (`cuMemAlloc`, `cuMemAlloc_v2`).
{
    tr '\n' ' ' <"$1/include/cuda.h" | grep -oE 'CUDAAPI +cu[A-Z][A-Za-z0-9_]* *\(' | grep -oE 'cu[A-Z][A-Za-z0-9_]*'
    sed -nE 's/^ *# *define +cu[A-Z][A-Za-z0-9_]* +(cu[A-Z][A-Za-z0-9_]*_v[0-9]+) *$/\1/p' "$1/include/cuda.h"
    sed -nE 's/^ *# *define +(cu[A-Z][A-Za-z0-9_]*) +__CUDA_API_PT[DS]+S?Z?\((cu[A-Z][A-Za-z0-9_]*)\) *$/\1\n\2/p' \
        "$1/include/cuda.h"
} | sort -u | awk '{ print "int " $1 "(void) { return 999; }" }' >"$stubs/libcuda.$$.c"
cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$stubs/libcuda.$$.so" "$stubs/libcuda.$$.c"
mv "$stubs/libcuda.$$.so" "$stubs/libcuda.so"
rm "$stubs/libcuda.$$.c"
# For linkers that look for what a library needs, too.
ln -sf libcuda.so "$stubs/libcuda.so.1"
