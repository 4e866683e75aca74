// What CUDA and the tests' emulator on the CPU have in common.
#pragma once

#ifdef EMULATED
#include "emulator/emulator.hpp"
#else
// The memory of a launch's `shared_bytes`, as an array.
#define DYNAMIC_SHARED(type, name)              \
    extern __shared__ float4 dynamic_shared[]; \
    type* name = reinterpret_cast<type*>(dynamic_shared)
#endif
