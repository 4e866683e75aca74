// What CUDA and the tests' emulator on the CPU have in common.
#pragma once

#ifdef EMULATED
#include "emulator/emulator.hpp"
#else
// The memory of a launch's `shared_bytes`, as an array.
#define DYNAMIC_SHARED(type, name)              \
    extern __shared__ float4 dynamic_shared[]; \
    type* name = reinterpret_cast<type*>(dynamic_shared)

// Waits until the kernel before this one has ended and its writes are seen, and then lets the
// kernel behind this one begin. Where a launch does not overlap, or the processor is older
// than Hopper, that is so already.
//
// Every thread of a fused kernel comes here. What stands in front of it may run while the kernel
// before this one still does: it reads only what that kernel does not write, and writes shared
// memory only. That kernel's own one has ended by then, since each waits before it lets go.
// What that kernel writes is given as a pointer without __restrict__, because loads of what
// cannot change would be free to move up.
__device__ __forceinline__ void wait_for_kernel_before() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
#endif
