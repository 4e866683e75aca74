// CUDA's vector types, and those of its functions that C++ lacks.
#pragma once

#include <math.h>

#include <cstdint>
#include <cstring>

struct uint3 { unsigned x, y, z; };
struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

#define EMULATED_VECTOR(type, scalar)                                        \
    struct alignas(2 * sizeof(scalar)) type##2 { scalar x, y; };             \
    struct alignas(4 * sizeof(scalar)) type##4 { scalar x, y, z, w; };       \
    inline type##2 make_##type##2(scalar x, scalar y) { return {x, y}; }     \
    inline type##4 make_##type##4(scalar x, scalar y, scalar z, scalar w) { return {x, y, z, w}; }
EMULATED_VECTOR(float, float)
EMULATED_VECTOR(int, int)
EMULATED_VECTOR(uint, unsigned)
EMULATED_VECTOR(uchar, unsigned char)
#undef EMULATED_VECTOR

#define EMULATED_EXTREMES(type)                                      \
    inline type min(type a, type b) { return b < a ? b : a; }        \
    inline type max(type a, type b) { return a < b ? b : a; }
EMULATED_EXTREMES(int)
EMULATED_EXTREMES(unsigned)
EMULATED_EXTREMES(long long)
EMULATED_EXTREMES(unsigned long long)
#undef EMULATED_EXTREMES
// Of a number and none, the number.
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }

inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline int __float_as_int(float x) { int bits; std::memcpy(&bits, &x, sizeof x); return bits; }
inline float __int_as_float(int bits) { float x; std::memcpy(&x, &bits, sizeof x); return x; }
inline unsigned __float_as_uint(float x) { return static_cast<unsigned>(__float_as_int(x)); }
inline float __uint_as_float(unsigned bits) { return __int_as_float(static_cast<int>(bits)); }

template <class T>
T __ldg(const T* address) { return *address; }
template <class T>
T __ldcg(const T* address) { return *address; }

// Fibers are switched at barriers only, so plain arithmetic is atomic. There is none for
// floats, whose sum would depend on the order.
#define EMULATED_ATOMICS(type)                                                                  \
    inline type atomicAdd(type* at, type value) { type old = *at; *at += value; return old; }   \
    inline type atomicSub(type* at, type value) { type old = *at; *at -= value; return old; }   \
    inline type atomicMax(type* at, type value) { type old = *at; *at = max(old, value); return old; } \
    inline type atomicMin(type* at, type value) { type old = *at; *at = min(old, value); return old; } \
    inline type atomicExch(type* at, type value) { type old = *at; *at = value; return old; }   \
    inline type atomicCAS(type* at, type expected, type value) {                                \
        type old = *at;                                                                         \
        if (old == expected) *at = value;                                                       \
        return old;                                                                             \
    }
EMULATED_ATOMICS(int)
EMULATED_ATOMICS(unsigned)
#undef EMULATED_ATOMICS

inline void __threadfence() {}
inline void __threadfence_block() {}
