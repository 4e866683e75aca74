// The samples of a batch, from the data set that stays on the device.
//
// `order` has the samples of an epoch, `*place` where in it the batch begins.
#include "grid.cuh"

// x[s, k] = pixels[order[place + s], k] / 255
extern "C" __global__ void gather(const unsigned char* pixels, const unsigned* order, const int* place, float* x,
                                  int batch, int sample_length) {
    const int value = grid::thread_number();
    if (value >= batch * sample_length) return;
    const int k = value % sample_length;
    const int s = value / sample_length;
    const size_t sample = order[*place + s];
    x[value] = static_cast<float>(pixels[sample * sample_length + k]) / 255.0f;
}

// all[place + s, j] = logits[s, j], so that they are fetched once, at the end.
extern "C" __global__ void keep_logits(const float* logits, const int* place, float* all, int batch,
                                       int classes) {
    const int value = grid::thread_number();
    if (value >= batch * classes) return;
    all[static_cast<size_t>(*place) * classes + value] = logits[value];
}

// place ← place + batch: the next batch begins where this one ends.
extern "C" __global__ void advance(int* place, int batch) { *place += batch; }
