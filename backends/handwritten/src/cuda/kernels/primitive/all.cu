// The kernels of `primitive`: a file per subject, a kernel per formula.
//
// A batch lies in memory as in every textbook: row-major, sample by sample, channel by
// channel, row by row. Indices are called s (sample), o and i (output and input channel or
// feature), (r, c) (output position), (y, x) (input position), (u, v) (place in a kernel or
// window) and k (unit: a position of a channel's plane, or a value of any tensor).
//
// Most kernels have a thread for each value that they write. Where a value is a sum of
// thousands of terms, a block of threads shares it, and adds up in a fixed order
// (block_sum.cuh). No value is written by two threads.

#include "samples.cu"
#include "convolution.cu"
#include "linear.cu"
#include "batch_norm.cu"
#include "activation.cu"
#include "pooling.cu"
#include "resize.cu"
#include "loss.cu"
#include "descent.cu"
