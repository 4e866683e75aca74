// A kernel that begins while the one before it still runs (programmatic dependent launch).
//
// Until a block waits for the kernel before, it sees no number where that kernel writes, whenever
// on a device it would see an old or a new one; and it must not write. So a preamble that is not
// independent of that kernel spoils its result or is reported.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace emulator {

struct Range {
    std::uint64_t start, bytes;
};

// What the kernel before has changed, and all memory of the device.
struct OverlapRanges {
    const Range* changed;
    std::uint64_t changed_count;
    const Range* all;
    std::uint64_t all_count;
};

class Overlap {
  public:
    explicit Overlap(const OverlapRanges& ranges)
        : changed(ranges.changed, ranges.changed + ranges.changed_count),
          all(ranges.all, ranges.all + ranges.all_count) {}

    // Whether the kernel before has changed anything in the allocation of this address.
    bool is_written(std::uint64_t address) const {
        const auto holds = [](const Range& range, std::uint64_t place) {
            return range.start <= place && place < range.start + range.bytes;
        };
        const auto own = std::find_if(all.begin(), all.end(), [&](const Range& one) { return holds(one, address); });
        return own != all.end() && std::any_of(changed.begin(), changed.end(), [&](const Range& one) {
            return holds(*own, one.start);
        });
    }

    void begin_preamble() {
        held = copy_of(changed);
        for (const Range& range : changed) std::memset(place(range), 0xff, range.bytes);
        seen = copy_of(all);
        is_in_preamble = true;
    }

    // All threads of the block wait.
    void end_preamble(std::string& failure) {
        if (!is_in_preamble) return;
        is_in_preamble = false;
        if (copy_of(all) != seen) failure = "writes before it waits for the kernel before it";
        const char* from = held.data();
        for (const Range& range : changed) {
            std::memcpy(place(range), from, range.bytes);
            from += range.bytes;
        }
    }

    // The block has ended.
    void end_block(std::string& failure) {
        if (is_in_preamble && failure.empty()) failure = "does not wait for the kernel before it";
        std::string later;
        end_preamble(later);
    }

  private:
    static char* place(const Range& range) { return reinterpret_cast<char*>(range.start); }

    static std::vector<char> copy_of(const std::vector<Range>& ranges) {
        std::vector<char> bytes;
        for (const Range& range : ranges) bytes.insert(bytes.end(), place(range), place(range) + range.bytes);
        return bytes;
    }

    const std::vector<Range> changed, all;
    std::vector<char> held, seen;
    bool is_in_preamble = false;
};

}  // namespace emulator
