// The three loops that nearly all time is spent in. Each runs over a row: the value
// of one feature for every sample of the batch. Neighbours in a row are independent
// of each other, which is what lets a compiler use SIMD instructions.

#ifndef ROWS_H
#define ROWS_H

#include <stddef.h>

// y ← y + scale·x
static inline void add_scaled(float *restrict y, float scale, const float *restrict x, size_t count) {
  for (size_t n = 0; n < count; n++) y[n] += scale * x[n];
}

// A compiler must not reorder a sum of floats, so these keep so many partial sums by
// themselves. Short sums in float and few of them, added up in double, are exact enough.
enum { PARTIAL_SUMS = 16 };

// Σ a·b
static inline double dot(const float *restrict a, const float *restrict b, size_t count) {
  float partial[PARTIAL_SUMS] = {0};
  double sum = 0.0;
  size_t n = 0;
  for (; n + PARTIAL_SUMS <= count; n += PARTIAL_SUMS)
    for (size_t k = 0; k < PARTIAL_SUMS; k++) partial[k] += a[n + k] * b[n + k];
  for (size_t k = 0; k < PARTIAL_SUMS; k++) sum += (double)partial[k];
  for (; n < count; n++) sum += (double)a[n] * (double)b[n];
  return sum;
}

// Σ x
static inline double row_sum(const float *x, size_t count) {
  float partial[PARTIAL_SUMS] = {0};
  double sum = 0.0;
  size_t n = 0;
  for (; n + PARTIAL_SUMS <= count; n += PARTIAL_SUMS)
    for (size_t k = 0; k < PARTIAL_SUMS; k++) partial[k] += x[n + k];
  for (size_t k = 0; k < PARTIAL_SUMS; k++) sum += (double)partial[k];
  for (; n < count; n++) sum += (double)x[n];
  return sum;
}

#endif
