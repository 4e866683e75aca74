// Settings of libtorch that tch does not offer.

#include <ATen/Context.h>

namespace {

constexpr int MATRIX_PRODUCTS = 1;
constexpr int CONVOLUTIONS = 2;

bool is_tf32(const at::Context &context, at::Float32Op operation) {
  return context.float32Precision(at::Float32Backend::CUDA, operation) == at::Float32Precision::TF32;
}

} // namespace

// Lets cuDNN take the algorithm that it has timed as the fastest (1), or only deterministic
// ones that it chooses untimed (0), and returns what then holds: 1, 0, or -1 where it is
// neither or libtorch cannot be asked.
extern "C" int trainmark_tch_set_benchmark(int timed) noexcept {
  try {
    at::Context &context = at::globalContext();
    context.setBenchmarkCuDNN(timed != 0);
    context.setDeterministicCuDNN(timed == 0);
    const bool is_timed = context.benchmarkCuDNN();
    return is_timed != context.deterministicCuDNN() ? is_timed : -1;
  } catch (...) {
    return -1;
  }
}

// Lets CUDA compute float32 in TF32, or not, and returns where it then would: a sum of the
// constants above, or -1 where libtorch cannot be asked.
extern "C" int trainmark_tch_set_tf32(int allowed) noexcept {
  try {
    at::Context &context = at::globalContext();
    context.setAllowTF32CuBLAS(allowed != 0);
    context.setAllowTF32CuDNN(allowed != 0);
    const bool products = context.allowTF32CuBLAS() || is_tf32(context, at::Float32Op::MATMUL);
    const bool convolutions = context.allowTF32CuDNN() || is_tf32(context, at::Float32Op::CONV);
    return (products ? MATRIX_PRODUCTS : 0) + (convolutions ? CONVOLUTIONS : 0);
  } catch (...) {
    return -1;
  }
}
