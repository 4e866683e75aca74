// Softmax cross-entropy, in float64: there are few logits. Indices: j class, t the
// sample's label.
#include "block_sum.cuh"
#include "grid.cuh"

// For each sample s of n:
//
//     log p[j] = z[j] − max z − log Σⱼ exp(z[j] − max z)
//     loss[s] = −log p[t]          ∂L/∂z[s, j] = 1/n · (p[j] − [j = t])
//
// `hit[s]` is 1 where the first of the largest logits is the label's, else 0.
extern "C" __global__ void cross_entropy(const float* logits, const unsigned char* labels, const unsigned* order,
                                         const int* place, double* loss, double* hit, float* d_logits, int batch,
                                         int classes) {
    const int s = grid::thread_number();
    if (s >= batch) return;
    const int label = labels[order[*place + s]];
    const float* z = logits + s * classes;
    int largest = 0;
    for (int j = 1; j < classes; ++j) {
        if (z[j] > z[largest]) largest = j;
    }
    const double shift = z[largest];
    double sum = 0.0;
    for (int j = 0; j < classes; ++j) sum += exp(z[j] - shift);
    const double log_sum = log(sum);
    loss[s] = -(z[label] - shift - log_sum);
    hit[s] = largest == label ? 1.0 : 0.0;
    for (int j = 0; j < classes; ++j) {
        const double p = exp(z[j] - shift - log_sum);
        d_logits[s * classes + j] = static_cast<float>((p - (j == label ? 1.0 : 0.0)) / batch);
    }
}

// totals[0] ← totals[0] + Σₛ loss[s] and totals[1] ← totals[1] + Σₛ hit[s], by one block.
extern "C" __global__ void score(const double* loss, const double* hit, double* totals, int batch) {
    __shared__ double sums[block_sum::THREADS];
    double losses = 0.0, hits = 0.0;
    for (int s = static_cast<int>(threadIdx.x); s < batch; s += block_sum::THREADS) {
        losses += loss[s];
        hits += hit[s];
    }
    const double all_losses = block_sum::over_threads(sums, losses);
    const double all_hits = block_sum::over_threads(sums, hits);
    if (threadIdx.x == 0) {
        totals[0] += all_losses;
        totals[1] += all_hits;
    }
}
