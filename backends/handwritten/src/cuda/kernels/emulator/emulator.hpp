// CUDA on the CPU, for tests: what the kernels use of it, run so that mistakes show.
//
// Each thread of a block is a fiber, a stack of its own that runs until it waits at a
// barrier or ends. All run on one thread of the processor, in a random order of a seed,
// and so do the blocks: a result that depends on the order is a race. Shared memory holds
// NaN when a block starts. A barrier that not all threads reach is reported.
//
// `math.hpp` has the types and functions, `fibers.hpp` the threads and barriers, `overlap.hpp`
// kernels that begin before the one before them has ended.
#pragma once

#include "fibers.hpp"
#include "math.hpp"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __launch_bounds__(...)
// All in one section, so that it can be filled before each block.
#define __shared__ static __attribute__((section("emulated_shared")))
#define DYNAMIC_SHARED(type, name) type* name = reinterpret_cast<type*>(emulator::dynamic_shared())

#define EMULATED_SITE(what) (emulator::Site{__FILE__, __LINE__, what})
#define __syncthreads() emulator::block_barrier(EMULATED_SITE("__syncthreads"))
#define wait_for_kernel_before() emulator::wait_for_kernel_before(EMULATED_SITE(emulator::KERNEL_BEFORE))
#define __syncwarp(...) emulator::warp_barrier(EMULATED_SITE("__syncwarp"), emulator::mask_of(__VA_ARGS__))
#define __shfl_sync(...) emulator::shuffle(EMULATED_SITE("__shfl_sync"), emulator::To{}, __VA_ARGS__)
#define __shfl_up_sync(...) emulator::shuffle(EMULATED_SITE("__shfl_up_sync"), emulator::Up{}, __VA_ARGS__)
#define __shfl_down_sync(...) \
    emulator::shuffle(EMULATED_SITE("__shfl_down_sync"), emulator::Down{}, __VA_ARGS__)
#define __shfl_xor_sync(...) emulator::shuffle(EMULATED_SITE("__shfl_xor_sync"), emulator::Xor{}, __VA_ARGS__)
#define __ballot_sync(mask, predicate) emulator::ballot(EMULATED_SITE("__ballot_sync"), mask, predicate)
#define __any_sync(mask, predicate) (emulator::ballot(EMULATED_SITE("__any_sync"), mask, predicate) != 0)
#define __all_sync(mask, predicate) (emulator::ballot(EMULATED_SITE("__all_sync"), mask, !(predicate)) == 0)

namespace emulator {

constexpr unsigned ALL_LANES = 0xffffffffu;

inline unsigned mask_of(unsigned mask = ALL_LANES) { return mask; }

// From which lane of the group of `width` lanes a shuffle reads; its own where there is none.
struct To {
    int operator()(int lane, int source, int width) const { return lane / width * width + source % width; }
};
struct Up {
    int operator()(int lane, int delta, int width) const { return lane % width < delta ? lane : lane - delta; }
};
struct Down {
    int operator()(int lane, int delta, int width) const {
        return lane % width + delta >= width ? lane : lane + delta;
    }
};
struct Xor {
    int operator()(int lane, int bits, int width) const {
        return (lane ^ bits) / width > lane / width ? lane : lane ^ bits;
    }
};

template <class T, class Source>
T shuffle(Site site, Source source, unsigned mask, T value, int argument, int width = 32) {
    static_assert(sizeof(T) <= sizeof(std::uint64_t), "shuffles move at most eight bytes");
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    bits = exchange(site, mask, bits, source(lane(), argument, width));
    std::memcpy(&value, &bits, sizeof(T));
    return value;
}

// A kernel as the list below has it, and how to call it with pointers to its arguments.
struct Kernel {
    const char* name;
    // One letter per parameter: a (address), i (int) or f (float).
    const char* kinds;
    // And r, where it is __restrict__.
    const char* restricted;
    void (*run)(void** arguments);
};

template <class T>
constexpr char kind() {
    static_assert(std::is_pointer_v<T> || std::is_same_v<T, int> || std::is_same_v<T, float>,
                  "a kernel's parameters are pointers, int and float");
    return std::is_pointer_v<T> ? 'a' : std::is_same_v<T, int> ? 'i' : 'f';
}

template <auto kernel>
struct Entry;

template <class... Parameters, void (*kernel)(Parameters...)>
struct Entry<kernel> {
    static constexpr char kinds[] = {kind<Parameters>()..., '\0'};
    static void run(void** arguments) { call(arguments, std::index_sequence_for<Parameters...>{}); }

  private:
    template <std::size_t... index>
    static void call([[maybe_unused]] void** arguments, std::index_sequence<index...>) {
        kernel(*static_cast<Parameters*>(arguments[index])...);
    }
};

// The file that the tests generate defines it, with an entry for each kernel.
extern const Kernel kernels[];

}  // namespace emulator

#define EMULATED_KERNEL(name, restricted) \
    { #name, emulator::Entry<name>::kinds, restricted, emulator::Entry<name>::run }

// Runs a kernel, which overlaps with the one before it where `overlap` is given. Where it goes
// wrong, writes why into `message` and returns 1.
extern "C" __attribute__((visibility("default"))) int emulator_launch(
    const char* name, const unsigned* grid, const unsigned* block, unsigned shared_bytes, void** arguments,
    const char* kinds, unsigned long long seed, const emulator::OverlapRanges* overlap, char* message,
    unsigned long long capacity) {
    emulator::Overlap overlapping(overlap != nullptr ? *overlap : emulator::OverlapRanges{});
    const std::string why = [&]() -> std::string {
        for (const emulator::Kernel* kernel = emulator::kernels; kernel->name; ++kernel) {
            if (std::strcmp(kernel->name, name) != 0) continue;
            if (std::strcmp(kernel->kinds, kinds) != 0) {
                return std::string("takes arguments (") + kernel->kinds + "), but is given (" + kinds + ")";
            }
            for (std::size_t k = 0; overlap != nullptr && kernel->kinds[k] != '\0'; ++k) {
                if (kernel->restricted[k] == 'r' &&
                    overlapping.is_written(*static_cast<std::uint64_t*>(arguments[k]))) {
                    return "overlaps, but its parameter " + std::to_string(k) +
                           " is __restrict__ and points to what the kernel before it writes";
                }
            }
            return emulator::run({grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, shared_bytes,
                                 [&] { kernel->run(arguments); }, seed, overlap != nullptr ? &overlapping : nullptr);
        }
        return "is not there";
    }();
    std::snprintf(message, capacity, "%s", why.c_str());
    return why.empty() ? 0 : 1;
}
