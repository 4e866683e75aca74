#!/bin/sh
# stubs.sh CUDA_HOME: makes what a program that uses the driver, libcuda, is linked with
# where there is none. Both have the functions that cuda.h declares:
#   lib/libcuda.a         opens libcuda.so.1 when the program or plugin is loaded. Without
#                         one it is loaded all the same, and every function answers
#                         CUDA_ERROR_STUB_LIBRARY. `-lcuda -L$CUDA_HOME/lib` takes it.
#   lib/stubs/libcuda.so  stands for libcuda.so.1 (its SONAME) while linking; what is
#                         linked with it cannot be loaded where there is no driver.
set -eu
lib=$1/lib
work=$lib/stubs.$$
trap 'rm -rf "$work"' EXIT
mkdir -p "$lib/stubs" "$work"

# A declaration may put the name on the next line. Old versions of a function are
# declared further down under their own name (`cuMemAlloc`, `cuMemAlloc_v2`).
{
    tr '\n' ' ' <"$1/include/cuda.h" | grep -oE 'CUDAAPI +cu[A-Z][A-Za-z0-9_]* *\(' | grep -oE 'cu[A-Z][A-Za-z0-9_]*'
    sed -nE 's/^ *# *define +cu[A-Z][A-Za-z0-9_]* +(cu[A-Z][A-Za-z0-9_]*_v[0-9]+) *$/\1/p' "$1/include/cuda.h"
    sed -nE 's/^ *# *define +(cu[A-Z][A-Za-z0-9_]*) +__CUDA_API_PT[A-Z]*\((cu[A-Z][A-Za-z0-9_]*)\) *$/\1\n\2/p' \
        "$1/include/cuda.h"
    # Declared elsewhere, and what older bindings call.
    printf '%s\n' cuProfilerInitialize cuProfilerStart cuProfilerStop cuGraphInstantiateWithFlags
} | sort -u >"$work/functions"
[ -s "$work/functions" ] || {
    echo "$1/include/cuda.h declares no function" >&2
    exit 1
}

awk '{ print "int " $1 "(void) { return 34; }" }' "$work/functions" >"$work/stub.c"
cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$work/libcuda.so" "$work/stub.c"
mv "$work/libcuda.so" "$lib/stubs/libcuda.so"
ln -sf libcuda.so "$lib/stubs/libcuda.so.1"

{
    cat <<'END'
#include <dlfcn.h>
/* CUDA_ERROR_STUB_LIBRARY */
static int no_driver(void) { return 34; }
/* CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER */
static int no_function(void) { return 36; }
#if defined(__x86_64__)
#define FUNCTION(name, place) __asm__(".text\n.globl " name "\n.hidden " name "\n.type " name ", %function\n" \
    name ":\njmp *late_functions+" place "(%rip)\n");
#elif defined(__aarch64__)
#define FUNCTION(name, place) __asm__(".text\n.globl " name "\n.hidden " name "\n.type " name ", %function\n" \
    name ":\nadrp x16, late_functions+" place "\nldr x16, [x16, :lo12:late_functions+" place "]\nbr x16\n");
#else
#error "no way to jump to a function of the driver is written for this processor"
#endif
END
    awk '{ printf "FUNCTION(\"%s\", \"%d\")\n", $1, 8 * (NR - 1) }' "$work/functions"
    awk 'BEGIN { print "static const char *const names[] = {" } { print "\"" $1 "\"," } END { print "};" }' \
        "$work/functions"
    cat <<'END'
enum { COUNT = sizeof names / sizeof *names };
__attribute__((visibility("hidden"), used)) void *late_functions[COUNT];
__attribute__((constructor)) static void find(void)
{
    void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    for (int i = 0; i < COUNT; i++) {
        void *found = driver ? dlsym(driver, names[i]) : 0;
        late_functions[i] = found ? found : driver ? (void *)no_function : (void *)no_driver;
    }
}
END
} >"$work/late.c"
cc -c -O2 -fPIC -o "$work/late.o" "$work/late.c"
ar rcs "$work/libcuda.a" "$work/late.o"
mv "$work/libcuda.a" "$lib/libcuda.a"
