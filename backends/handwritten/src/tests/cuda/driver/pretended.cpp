// A libcuda that has no GPU: the functions of NVIDIA's driver that the backend calls, on the
// emulator. It shows that they are called as their documentation asks, in an order that it
// allows, and that everything is given back. `PRETENDED_…` variables make it fail.
//
// It stands behind the kernels and the emulator in one translation unit.

#include <cstdint>
#include <map>
#include <memory>

namespace pretended {

// Of the driver's answers (CUresult).
enum Answer {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_CONTEXT = 201,
    ECC_UNCORRECTABLE = 214,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    LAUNCH_FAILED = 719,
    CAPTURE_UNSUPPORTED = 900,
};

long setting(const char* name, long otherwise) {
    const char* value = std::getenv(name);
    return value ? std::atol(value) : otherwise;
}

struct Kept {
    const emulator::Kernel* kernel;
    dim3 grid, block;
    unsigned shared_bytes;
    std::vector<std::uint64_t> arguments;
    // Of a copy instead of a kernel.
    void* to = nullptr;
    const void* from = nullptr;
    std::size_t bytes = 0;
};
using Graph = std::vector<Kept>;

struct Stream {
    bool is_capturing = false;
    Graph captured;
};

struct Module {};
struct Context {};

Context context;
thread_local Context* current = nullptr;
int retained = 0;
std::map<std::uint64_t, std::size_t> allocations;
std::map<const void*, std::size_t> pinned;
std::map<Stream*, std::unique_ptr<Stream>> streams;
std::map<Graph*, std::unique_ptr<Graph>> graphs, ready;
std::map<Module*, std::unique_ptr<Module>> modules;
std::map<const emulator::Kernel*, int> allowed_shared;
unsigned long long seed = 1;
unsigned long long overlaps = 0;
unsigned long long carved = 0;

template <class T>
T* keep(std::map<T*, std::unique_ptr<T>>& all, std::unique_ptr<T> one) {
    T* handle = one.get();
    all.emplace(handle, std::move(one));
    return handle;
}

bool is_inside(std::uint64_t address, std::size_t bytes) {
    auto next = allocations.upper_bound(address);
    if (next == allocations.begin()) return false;
    --next;
    return address + bytes <= next->first + next->second;
}

Answer check_stream(Stream* stream) {
    if (current != &context) return INVALID_CONTEXT;
    return streams.count(stream) != 0 ? SUCCESS : INVALID_HANDLE;
}

// What must not happen while the stream records.
Answer check_idle(Stream* stream) {
    const Answer answer = check_stream(stream);
    return answer == SUCCESS && stream->is_capturing ? CAPTURE_UNSUPPORTED : answer;
}

// Copies at once, or when the recording runs; recorded copies take pinned memory.
Answer copy(void* to, const void* from, std::size_t bytes, const void* host, Stream* stream) {
    const Answer answer = check_stream(stream);
    if (answer != SUCCESS) return answer;
    if (!stream->is_capturing) {
        std::memcpy(to, from, bytes);
        return SUCCESS;
    }
    const auto found = pinned.find(host);
    if (found == pinned.end() || found->second < bytes) return CAPTURE_UNSUPPORTED;
    Kept kept{};
    kept.to = to;
    kept.from = from;
    kept.bytes = bytes;
    stream->captured.push_back(kept);
    return SUCCESS;
}

Answer run(const Kept& kept) {
    if (kept.bytes != 0) {
        std::memcpy(kept.to, kept.from, kept.bytes);
        return SUCCESS;
    }
    std::vector<std::uint64_t> values = kept.arguments;
    std::vector<void*> pointers;
    for (std::uint64_t& value : values) pointers.push_back(&value);
    const std::string why = emulator::run(kept.grid, kept.block, kept.shared_bytes,
                                          [&] { kept.kernel->run(pointers.data()); }, seed++);
    if (why.empty()) return SUCCESS;
    std::fprintf(stderr, "kernel %s %s\n", kept.kernel->name, why.c_str());
    return LAUNCH_FAILED;
}

}  // namespace pretended

#define DRIVER(...) extern "C" __attribute__((visibility("default"))) pretended::Answer __VA_ARGS__

DRIVER(cuDriverGetVersion(int* version)) {
    *version = static_cast<int>(pretended::setting("PRETENDED_VERSION", 13000));
    return pretended::SUCCESS;
}

DRIVER(cuInit(unsigned)) { return pretended::SUCCESS; }

DRIVER(cuDeviceGetCount(int* count)) {
    *count = static_cast<int>(pretended::setting("PRETENDED_DEVICES", 1));
    return pretended::SUCCESS;
}

DRIVER(cuDeviceGet(int* device, int ordinal)) {
    *device = 7 + ordinal;
    return pretended::SUCCESS;
}

DRIVER(cuDeviceGetAttribute(int* value, int attribute, int)) {
    const long capability = pretended::setting("PRETENDED_CAPABILITY", 90);
    switch (attribute) {
        case 75: *value = static_cast<int>(capability / 10); break;  // COMPUTE_CAPABILITY_MAJOR
        case 76: *value = static_cast<int>(capability % 10); break;  // COMPUTE_CAPABILITY_MINOR
        default: return pretended::INVALID_VALUE;
    }
    return pretended::SUCCESS;
}

DRIVER(cuDevicePrimaryCtxRetain(pretended::Context** context, int device)) {
    if (device != 7) return pretended::INVALID_VALUE;
    ++pretended::retained;
    *context = &pretended::context;
    return pretended::SUCCESS;
}

DRIVER(cuDevicePrimaryCtxRelease_v2(int device)) {
    if (device != 7 || pretended::retained == 0) return pretended::INVALID_VALUE;
    --pretended::retained;
    return pretended::SUCCESS;
}

DRIVER(cuCtxSetCurrent(pretended::Context* context)) {
    if (context != &pretended::context || pretended::retained == 0) return pretended::INVALID_CONTEXT;
    pretended::current = context;
    return pretended::SUCCESS;
}

DRIVER(cuStreamCreate(pretended::Stream** stream, unsigned flags)) {
    if (flags > 1) return pretended::INVALID_VALUE;
    *stream = pretended::keep(pretended::streams, std::make_unique<pretended::Stream>());
    return pretended::SUCCESS;
}

DRIVER(cuStreamDestroy_v2(pretended::Stream* stream)) {
    return pretended::streams.erase(stream) == 1 ? pretended::SUCCESS : pretended::INVALID_HANDLE;
}

DRIVER(cuStreamSynchronize(pretended::Stream* stream)) { return pretended::check_idle(stream); }

DRIVER(cuMemAlloc_v2(std::uint64_t* address, std::size_t bytes)) {
    std::size_t all = bytes;
    for (const auto& [_, size] : pretended::allocations) all += size;
    if (bytes == 0) return pretended::INVALID_VALUE;
    if (all > static_cast<std::size_t>(pretended::setting("PRETENDED_MEMORY", 1 << 30))) {
        return pretended::OUT_OF_MEMORY;
    }
    void* memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    std::memset(memory, emulator::POISON, bytes);
    *address = reinterpret_cast<std::uint64_t>(memory);
    pretended::allocations[*address] = bytes;
    return pretended::SUCCESS;
}

DRIVER(cuMemFree_v2(std::uint64_t address)) {
    if (pretended::allocations.erase(address) != 1) return pretended::INVALID_VALUE;
    std::free(reinterpret_cast<void*>(address));
    return pretended::SUCCESS;
}

DRIVER(cuMemHostAlloc(void** address, std::size_t bytes, unsigned flags)) {
    if (bytes == 0 || flags != 0) return pretended::INVALID_VALUE;
    *address = std::malloc(bytes);
    pretended::pinned[*address] = bytes;
    return pretended::SUCCESS;
}

DRIVER(cuMemFreeHost(void* address)) {
    if (pretended::pinned.erase(address) != 1) return pretended::INVALID_VALUE;
    std::free(address);
    return pretended::SUCCESS;
}

DRIVER(cuMemsetD8Async(std::uint64_t to, unsigned char value, std::size_t bytes, pretended::Stream* stream)) {
    if (!pretended::is_inside(to, bytes)) return pretended::INVALID_VALUE;
    const pretended::Answer answer = pretended::check_idle(stream);
    if (answer == pretended::SUCCESS) std::memset(reinterpret_cast<void*>(to), value, bytes);
    return answer;
}

DRIVER(cuMemcpyHtoDAsync_v2(std::uint64_t to, const void* from, std::size_t bytes, pretended::Stream* stream)) {
    if (!pretended::is_inside(to, bytes)) return pretended::INVALID_VALUE;
    return pretended::copy(reinterpret_cast<void*>(to), from, bytes, from, stream);
}

DRIVER(cuMemcpyDtoHAsync_v2(void* to, std::uint64_t from, std::size_t bytes, pretended::Stream* stream)) {
    if (!pretended::is_inside(from, bytes)) return pretended::INVALID_VALUE;
    return pretended::copy(to, reinterpret_cast<const void*>(from), bytes, to, stream);
}

DRIVER(cuModuleLoadData(pretended::Module** module, const std::uint32_t* image)) {
    // What every fatbin begins with.
    if (pretended::current != &pretended::context) return pretended::INVALID_CONTEXT;
    if (image[0] != 0xba55ed50u) return pretended::INVALID_VALUE;
    *module = pretended::keep(pretended::modules, std::make_unique<pretended::Module>());
    return pretended::SUCCESS;
}

DRIVER(cuModuleUnload(pretended::Module* module)) {
    return pretended::modules.erase(module) == 1 ? pretended::SUCCESS : pretended::INVALID_HANDLE;
}

DRIVER(cuModuleGetFunction(const emulator::Kernel** function, pretended::Module* module, const char* name)) {
    if (pretended::modules.count(module) == 0) return pretended::INVALID_HANDLE;
    for (const emulator::Kernel* kernel = emulator::kernels; kernel->name; ++kernel) {
        if (std::strcmp(kernel->name, name) == 0) {
            *function = kernel;
            return pretended::SUCCESS;
        }
    }
    return pretended::NOT_FOUND;
}

DRIVER(cuFuncLoad(const emulator::Kernel* function)) {
    return function ? pretended::SUCCESS : pretended::INVALID_HANDLE;
}

DRIVER(cuFuncGetAttribute(int* value, int attribute, const emulator::Kernel* function)) {
    // PTX_VERSION
    if (!function || attribute != 5) return pretended::INVALID_VALUE;
    *value = static_cast<int>(pretended::setting("PRETENDED_ARCHITECTURE", 90));
    return pretended::SUCCESS;
}

DRIVER(cuFuncSetAttribute(const emulator::Kernel* function, int attribute, int value)) {
    // PREFERRED_SHARED_MEMORY_CARVEOUT
    if (attribute == 9) {
        if (value < 0 || value > 100) return pretended::INVALID_VALUE;
        ++pretended::carved;
        return pretended::SUCCESS;
    }
    // MAX_DYNAMIC_SHARED_SIZE_BYTES
    if (attribute != 8 || value > 99 * 1024) return pretended::INVALID_VALUE;
    pretended::allowed_shared[function] = value;
    return pretended::SUCCESS;
}

// CUlaunchConfig and CUlaunchAttribute of cuda.h.
struct LaunchAttribute {
    int id;
    char pad[4];
    char value[64];
};
struct LaunchConfig {
    unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes;
    pretended::Stream* stream;
    const LaunchAttribute* attributes;
    unsigned attribute_count;
};

DRIVER(cuLaunchKernelEx(const LaunchConfig* config, const emulator::Kernel* kernel, void** parameters, void** extra)) {
    const auto [grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes, stream, attributes, count] = *config;
    const pretended::Answer answer = pretended::check_stream(stream);
    if (answer != pretended::SUCCESS) return answer;
    for (unsigned k = 0; k < count; ++k) {
        // PROGRAMMATIC_STREAM_SERIALIZATION, allowed; the kernel before it has ended here.
        if (attributes[k].id != 6 || attributes[k].value[0] != 1) return pretended::INVALID_VALUE;
        ++pretended::overlaps;
    }
    const int allowed = std::max(48 * 1024, pretended::allowed_shared[kernel]);
    if (extra || grid_x * grid_y * grid_z == 0 || block_x * block_y * block_z == 0 ||
        static_cast<int>(shared_bytes) > allowed) {
        return pretended::INVALID_VALUE;
    }
    pretended::Kept kept{kernel, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared_bytes, {}};
    for (std::size_t k = 0; kernel->kinds[k] != '\0'; ++k) {
        std::uint64_t value = 0;
        std::memcpy(&value, parameters[k], kernel->kinds[k] == 'a' ? 8 : 4);
        kept.arguments.push_back(value);
    }
    if (!stream->is_capturing) return pretended::run(kept);
    stream->captured.push_back(kept);
    return pretended::SUCCESS;
}

DRIVER(cuStreamBeginCapture_v2(pretended::Stream* stream, int mode)) {
    if (mode != 1) return pretended::INVALID_VALUE;  // THREAD_LOCAL
    const pretended::Answer answer = pretended::check_idle(stream);
    if (answer == pretended::SUCCESS) stream->is_capturing = true;
    return answer;
}

DRIVER(cuStreamEndCapture(pretended::Stream* stream, pretended::Graph** graph)) {
    if (pretended::streams.count(stream) == 0 || !stream->is_capturing) return pretended::INVALID_HANDLE;
    *graph = pretended::keep(pretended::graphs, std::make_unique<pretended::Graph>(std::move(stream->captured)));
    stream->is_capturing = false;
    stream->captured.clear();
    return pretended::SUCCESS;
}

DRIVER(cuGraphInstantiateWithFlags(pretended::Graph** made, pretended::Graph* graph, unsigned long long flags)) {
    if (flags != 0 || pretended::graphs.count(graph) == 0) return pretended::INVALID_VALUE;
    *made = pretended::keep(pretended::ready, std::make_unique<pretended::Graph>(*graph));
    return pretended::SUCCESS;
}

DRIVER(cuGraphUpload(pretended::Graph* graph, pretended::Stream* stream)) {
    const pretended::Answer answer = pretended::check_idle(stream);
    if (answer != pretended::SUCCESS) return answer;
    return pretended::ready.count(graph) == 1 ? pretended::SUCCESS : pretended::INVALID_HANDLE;
}

DRIVER(cuGraphDestroy(pretended::Graph* graph)) {
    return pretended::graphs.erase(graph) == 1 ? pretended::SUCCESS : pretended::INVALID_HANDLE;
}

DRIVER(cuGraphExecDestroy(pretended::Graph* graph)) {
    return pretended::ready.erase(graph) == 1 ? pretended::SUCCESS : pretended::INVALID_HANDLE;
}

DRIVER(cuGraphLaunch(pretended::Graph* graph, pretended::Stream* stream)) {
    const pretended::Answer answer = pretended::check_idle(stream);
    if (answer != pretended::SUCCESS) return answer;
    if (pretended::ready.count(graph) == 0) return pretended::INVALID_HANDLE;
    if (pretended::setting("PRETENDED_LOSS", 0) != 0) return pretended::ECC_UNCORRECTABLE;
    for (const pretended::Kept& kept : *graph) {
        const pretended::Answer answer = pretended::run(kept);
        if (answer != pretended::SUCCESS) return answer;
    }
    return pretended::SUCCESS;
}

DRIVER(cuGetErrorName(int answer, const char** name)) {
    switch (answer) {
        case pretended::OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; break;
        case pretended::ECC_UNCORRECTABLE: *name = "CUDA_ERROR_ECC_UNCORRECTABLE"; break;
        case pretended::LAUNCH_FAILED: *name = "CUDA_ERROR_LAUNCH_FAILED"; break;
        default: *name = "CUDA_ERROR"; break;
    }
    return pretended::SUCCESS;
}

DRIVER(cuGetErrorString(int answer, const char** text)) {
    *text = answer == pretended::OUT_OF_MEMORY ? "out of memory" : "pretended";
    return pretended::SUCCESS;
}

// What was made and not given back.
extern "C" __attribute__((visibility("default"))) unsigned long long pretended_leftovers() {
    return pretended::allocations.size() + pretended::pinned.size() + pretended::streams.size() + pretended::graphs.size() +
           pretended::ready.size() + pretended::modules.size() + static_cast<std::size_t>(pretended::retained);
}

// How many launches were to begin before the kernel before them had ended.
extern "C" __attribute__((visibility("default"))) unsigned long long pretended_overlaps() {
    return pretended::overlaps;
}

// How many kernels asked for a share of shared memory.
extern "C" __attribute__((visibility("default"))) unsigned long long pretended_carved() {
    return pretended::carved;
}
