// Batch normalisation (Ioffe and Szegedy, 2015). Per channel, m = samples · units values are
// normalised together:
//
//     mean = 1/m · Σ x        var = 1/m · Σ (x − mean)²        σ = √(var + ε)
//     x̂ = (x − mean)/σ        y = γ·x̂ + β
#include "block_sum.cuh"
#include "grid.cuh"

// mean[c] = 1/m · Σₛ Σₖ x[s, c, k], then var[c] = 1/m · Σₛ Σₖ (x[s, c, k] − mean[c])²,
// a block for each channel. Two passes, because Σx²/m − mean² would cancel.
extern "C" __global__ void batch_norm_statistics(const float* x, float* mean, float* variance, int batch,
                                                 int channels, int area) {
    __shared__ double sums[block_sum::THREADS];
    const int c = static_cast<int>(blockIdx.x);
    const int count = batch * area;
    double sum = 0.0;
    for (int term = static_cast<int>(threadIdx.x); term < count; term += block_sum::THREADS) {
        const int k = term % area;
        const int s = term / area;
        sum += x[(s * channels + c) * area + k];
    }
    const double m = block_sum::over_threads(sums, sum) / count;

    double squares = 0.0;
    for (int term = static_cast<int>(threadIdx.x); term < count; term += block_sum::THREADS) {
        const int k = term % area;
        const int s = term / area;
        const double difference = x[(s * channels + c) * area + k] - m;
        squares += difference * difference;
    }
    const double total = block_sum::over_threads(sums, squares);
    if (threadIdx.x == 0) {
        mean[c] = static_cast<float>(m);
        variance[c] = static_cast<float>(total / count);
    }
}

// running ← (1 − momentum)·running + momentum·batch, for mean and variance.
//
// `correction` makes the batch's biased variance what the running one is of: 1 for the
// chapter's convention, m/(m − 1) for the frameworks'.
extern "C" __global__ void batch_norm_running(const float* mean, const float* variance, float* running_mean,
                                              float* running_variance, int channels, float momentum,
                                              float correction) {
    const int c = grid::thread_number();
    if (c >= channels) return;
    running_mean[c] = (1.0f - momentum) * running_mean[c] + momentum * mean[c];
    running_variance[c] = (1.0f - momentum) * running_variance[c] + momentum * (correction * variance[c]);
}

// y = γ·(x − mean)/√(var + ε) + β. The statistics are the batch's in training, the running
// ones in prediction.
extern "C" __global__ void batch_norm_forward(const float* gamma, const float* beta, const float* mean,
                                              const float* variance, const float* x, float* y, int batch,
                                              int channels, int area, float epsilon) {
    const int value = grid::thread_number();
    if (value >= batch * channels * area) return;
    const int c = value / area % channels;
    const float x_hat = (x[value] - mean[c]) / sqrtf(variance[c] + epsilon);
    y[value] = gamma[c] * x_hat + beta[c];
}

// ∂L/∂β[c] = Σₛ Σₖ ∂L/∂y and ∂L/∂γ[c] = Σₛ Σₖ ∂L/∂y · x̂, a block for each channel.
extern "C" __global__ void batch_norm_parameter_gradients(const float* mean, const float* variance, const float* x,
                                                          const float* d_y, float* d_gamma, float* d_beta,
                                                          int batch, int channels, int area, float epsilon) {
    __shared__ double sums[block_sum::THREADS];
    const int c = static_cast<int>(blockIdx.x);
    const float deviation = sqrtf(variance[c] + epsilon);
    double sum = 0.0, weighted = 0.0;
    for (int term = static_cast<int>(threadIdx.x); term < batch * area; term += block_sum::THREADS) {
        const int k = term % area;
        const int s = term / area;
        const int value = (s * channels + c) * area + k;
        sum += d_y[value];
        weighted += d_y[value] * ((x[value] - mean[c]) / deviation);
    }
    const double of_beta = block_sum::over_threads(sums, sum);
    const double of_gamma = block_sum::over_threads(sums, weighted);
    if (threadIdx.x == 0) {
        d_beta[c] = static_cast<float>(of_beta);
        d_gamma[c] = static_cast<float>(of_gamma);
    }
}

// ∂L/∂x = γ/σ · (∂L/∂y − 1/m · ∂L/∂β − x̂ · 1/m · ∂L/∂γ). The last two terms are how x moves
// the mean and the variance.
extern "C" __global__ void batch_norm_input_gradient(const float* gamma, const float* mean, const float* variance,
                                                     const float* x, const float* d_y, const float* d_gamma,
                                                     const float* d_beta, float* d_x, int batch, int channels,
                                                     int area, float epsilon) {
    const int value = grid::thread_number();
    if (value >= batch * channels * area) return;
    const int c = value / area % channels;
    const float m = static_cast<float>(batch) * static_cast<float>(area);
    const float deviation = sqrtf(variance[c] + epsilon);
    const float x_hat = (x[value] - mean[c]) / deviation;
    d_x[value] = gamma[c] / deviation * (d_y[value] - d_beta[c] / m - x_hat * (d_gamma[c] / m));
}
