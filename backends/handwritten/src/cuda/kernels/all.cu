// Every kernel, in one translation unit: nvcc makes one fatbin of it (build.rs), and the
// tests' emulator one library for the CPU. A new file is added to the list of its folder.
//
// Rules that let both compilers read a file:
// - It begins with `#include "../prelude.cuh"` and is included from here only.
// - A kernel is `extern "C" __global__ void name(` or, with bounds,
//   `extern "C" __global__ void __launch_bounds__(threads) name(`, on one line; its name is
//   unique over all folders. Parameters are pointers, `int` and `float`.
// - Names of functions and constants that are no kernels are in a namespace of the file's.
// - `__shared__` arrays stand in the kernel itself, not in a template; dynamic shared
//   memory is `DYNAMIC_SHARED(float, name)`.
// - No float atomics, so that a run repeats bit for bit. Integer `atomicAdd` is there.
// - Every thread of a block reaches every `__syncthreads()`: none returns before it.

#include "primitive/all.cu"
#include "fused/all.cu"
