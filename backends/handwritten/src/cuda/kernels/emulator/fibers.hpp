// The threads of a block as fibers, and the barriers at which they meet.
#pragma once

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "math.hpp"
#include "overlap.hpp"

// Set whenever a fiber is resumed. Not static, so that the compiler must expect a barrier
// to change them.
uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;
constexpr int warpSize = 32;

// The linker gives the bounds of the section of all `__shared__` arrays, if there are any.
extern "C" char __start_emulated_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_emulated_shared[] __attribute__((weak, visibility("hidden")));

namespace emulator {

// NaN as a float and as a double, and -1 as an int.
constexpr int POISON = 0xff;
constexpr std::size_t STACK_BYTES = 256 * 1024;
// Behind the dynamic shared memory, to see writes beyond it.
constexpr std::size_t FENCE_BYTES = 1024;

// A place in a kernel's source where threads wait for others.
struct Site {
    const char* file;
    int line;
    const char* what;

    bool operator==(const Site& other) const {
        return line == other.line && std::strcmp(file, other.file) == 0 && std::strcmp(what, other.what) == 0;
    }
};

enum class State { Ready, AtBlockBarrier, AtWarpBarrier, Ended };

struct Thread {
    uint3 index{};
    State state = State::Ready;
    Site site{};
    // The lanes that the warp's barrier waits for.
    unsigned mask = 0;
    // What a lane gives to others. Two, because a fast lane may be at its next exchange
    // before a slow one has read.
    std::uint64_t given[2] = {};
    unsigned exchanges = 0;
    bool is_started = false;
    jmp_buf place;
};

inline std::vector<Thread> threads;
inline std::vector<char*> stacks;
inline Thread* current;
inline jmp_buf scheduler;
inline const std::function<void()>* body;
inline std::string failure;
// Of the kernel that runs, if it overlaps with the one before it.
inline Overlap* overlap;
inline std::vector<char> dynamic_memory;

inline char* dynamic_shared() {
    const auto address = reinterpret_cast<std::uintptr_t>(dynamic_memory.data());
    return dynamic_memory.data() + (256 - address % 256) % 256;
}

// Leaves one fiber for another; returns when somebody comes back to `from`.
[[gnu::noinline]] inline void leave(jmp_buf& from, jmp_buf& to) {
    if (_setjmp(from) == 0) _longjmp(to, 1);
}

// What the fiber of a thread does first.
inline void start_thread() {
    (*body)();
    current->state = State::Ended;
    _longjmp(scheduler, 1);
}

inline char* stack_of(std::size_t thread) {
    while (stacks.size() <= thread) {
        void* stack = mmap(nullptr, STACK_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (stack == MAP_FAILED) std::abort();
        // A stack that overflows shall not write into its neighbour.
        mprotect(stack, 4096, PROT_NONE);
        stacks.push_back(static_cast<char*>(stack));
    }
    return stacks[thread];
}

// Runs a thread until it waits or ends.
[[gnu::noinline]] inline void resume(std::size_t number) {
    current = &threads[number];
    threadIdx = current->index;
    if (current->is_started) {
        leave(scheduler, current->place);
        return;
    }
    current->is_started = true;
    static ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stack_of(number);
    context.uc_stack.ss_size = STACK_BYTES;
    context.uc_link = nullptr;
    makecontext(&context, start_thread, 0);
    if (_setjmp(scheduler) == 0) setcontext(&context);
}

inline void wait(State state, Site site, unsigned mask) {
    current->state = state;
    current->site = site;
    current->mask = mask;
    leave(current->place, scheduler);
}

inline void block_barrier(Site site) { wait(State::AtBlockBarrier, site, 0); }

constexpr const char* KERNEL_BEFORE = "wait_for_kernel_before";
inline void wait_for_kernel_before(Site site) { block_barrier(site); }
inline void warp_barrier(Site site, unsigned mask) { wait(State::AtWarpBarrier, site, mask); }

inline std::size_t number_of_current() { return static_cast<std::size_t>(current - threads.data()); }
inline int lane() { return static_cast<int>(number_of_current() % warpSize); }

// Gives a value to the warp and takes that of lane `source`; poison where that lane takes no part.
inline std::uint64_t exchange(Site site, unsigned mask, std::uint64_t value, int source) {
    const unsigned turn = current->exchanges++ % 2;
    current->given[turn] = value;
    warp_barrier(site, mask);
    const std::size_t from = number_of_current() / warpSize * warpSize + static_cast<std::size_t>(source);
    if (from < threads.size() && (mask >> source & 1u) != 0) return threads[from].given[turn];
    return ~std::uint64_t{0};
}

// The lanes of the mask whose predicate holds.
inline unsigned ballot(Site site, unsigned mask, bool predicate) {
    const unsigned turn = current->exchanges++ % 2;
    current->given[turn] = predicate ? 1 : 0;
    warp_barrier(site, mask);
    const std::size_t first = number_of_current() / warpSize * warpSize;
    unsigned lanes = 0;
    for (std::size_t lane = 0; lane < warpSize && first + lane < threads.size(); ++lane) {
        if ((mask >> lane & 1u) != 0 && threads[first + lane].given[turn] != 0) lanes |= 1u << lane;
    }
    return lanes;
}

inline std::string describe(std::size_t number) {
    const Thread& thread = threads[number];
    const std::string name = "thread " + std::to_string(number);
    if (thread.state == State::Ended) return name + " has ended";
    const char* slash = std::strrchr(thread.site.file, '/');
    return name + " waits at " + thread.site.what + " in " + (slash ? slash + 1 : thread.site.file) + ":" +
           std::to_string(thread.site.line);
}

// Lets go on whoever waits for lanes that all have come. Returns whether anybody does.
inline bool release_warps() {
    std::vector<std::size_t> released;
    for (std::size_t number = 0; number < threads.size(); ++number) {
        const Thread& thread = threads[number];
        if (thread.state != State::AtWarpBarrier) continue;
        const std::size_t first = number / warpSize * warpSize;
        bool all = (thread.mask >> (number - first) & 1u) != 0;
        for (std::size_t lane = 0; lane < warpSize && first + lane < threads.size(); ++lane) {
            if ((thread.mask >> lane & 1u) == 0) continue;
            const Thread& other = threads[first + lane];
            all = all && other.state == State::AtWarpBarrier && other.mask == thread.mask &&
                  other.site == thread.site;
        }
        if (all) released.push_back(number);
    }
    for (const std::size_t number : released) threads[number].state = State::Ready;
    return !released.empty();
}

// Lets all threads go on where all wait at the same barrier. Returns whether they do.
inline bool release_block() {
    const auto is_there = [](const Thread& thread) {
        return thread.state == State::AtBlockBarrier && thread.site == threads[0].site;
    };
    if (!std::all_of(threads.begin(), threads.end(), is_there)) return false;
    if (overlap != nullptr && std::strcmp(threads[0].site.what, KERNEL_BEFORE) == 0) overlap->end_preamble(failure);
    for (Thread& thread : threads) thread.state = State::Ready;
    return true;
}

// Two threads that wait for each other in vain.
inline std::string describe_divergence() {
    std::size_t waiting = 0;
    while (threads[waiting].state == State::Ended) ++waiting;
    for (std::size_t other = 0; other < threads.size(); ++other) {
        const Thread &one = threads[waiting], &two = threads[other];
        if (two.state != one.state || !(two.site == one.site) || two.mask != one.mask) {
            return "not all threads reach a barrier: " + describe(waiting) + ", but " + describe(other);
        }
    }
    return "a warp's barrier waits for lanes that do not come: " + describe(waiting);
}

// Runs all threads of the block to their end.
inline void run_threads(std::mt19937_64& random, std::vector<std::size_t>& order) {
    for (;;) {
        std::shuffle(order.begin(), order.end(), random);
        for (const std::size_t number : order) {
            if (threads[number].state == State::Ready) resume(number);
        }
        const auto has_ended = [](const Thread& thread) { return thread.state == State::Ended; };
        if (std::all_of(threads.begin(), threads.end(), has_ended)) return;
        if (release_warps() || release_block()) {
            if (failure.empty()) continue;
            return;
        }
        failure = describe_divergence();
        return;
    }
}

inline void start_block(unsigned shared_bytes) {
    if (__start_emulated_shared != nullptr) {
        std::memset(__start_emulated_shared, POISON,
                    static_cast<std::size_t>(__stop_emulated_shared - __start_emulated_shared));
    }
    dynamic_memory.resize(256 + shared_bytes + FENCE_BYTES);
    std::memset(dynamic_shared(), POISON, shared_bytes + FENCE_BYTES);
    threads.assign(static_cast<std::size_t>(blockDim.x) * blockDim.y * blockDim.z, Thread{});
    for (std::size_t number = 0; number < threads.size(); ++number) {
        const auto index = static_cast<unsigned>(number);
        threads[number].index = {index % blockDim.x, index / blockDim.x % blockDim.y,
                                 index / blockDim.x / blockDim.y};
    }
}

inline bool is_fence_whole(unsigned shared_bytes) {
    const char* fence = dynamic_shared() + shared_bytes;
    return std::all_of(fence, fence + FENCE_BYTES, [](char byte) { return byte == static_cast<char>(POISON); });
}

// Runs the kernel on every thread of the grid. Returns what went wrong, or nothing.
inline std::string run(dim3 grid, dim3 block, unsigned shared_bytes, const std::function<void()>& kernel,
                       std::uint64_t seed, Overlap* overlapping = nullptr) {
    // All of this is one device.
    static std::mutex mutex;
    const std::lock_guard<std::mutex> lock(mutex);
    std::mt19937_64 random(seed);
    gridDim = grid;
    blockDim = block;
    body = &kernel;
    overlap = overlapping;
    failure.clear();
    std::vector<std::size_t> blocks(static_cast<std::size_t>(grid.x) * grid.y * grid.z);
    std::vector<std::size_t> order(static_cast<std::size_t>(block.x) * block.y * block.z);
    for (std::size_t k = 0; k < blocks.size(); ++k) blocks[k] = k;
    for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
    std::shuffle(blocks.begin(), blocks.end(), random);
    for (const std::size_t number : blocks) {
        const auto index = static_cast<unsigned>(number);
        blockIdx = {index % grid.x, index / grid.x % grid.y, index / grid.x / grid.y};
        start_block(shared_bytes);
        if (overlap != nullptr) overlap->begin_preamble();
        run_threads(random, order);
        if (overlap != nullptr) overlap->end_block(failure);
        if (failure.empty() && !is_fence_whole(shared_bytes)) {
            failure = "writes beyond its dynamic shared memory";
        }
        if (!failure.empty()) {
            return "in block " + std::to_string(number) + ", " + failure;
        }
    }
    return "";
}

}  // namespace emulator
