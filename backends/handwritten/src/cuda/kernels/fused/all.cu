// The kernels of `builtin`, a training step of LeNet: read shapes.cuh, normalization.cuh and
// update.cuh first, then in the order of the step. src/cuda/fused/network.rs launches them.

#include "convolution1.cu"
#include "convolution2.cu"
#include "linear.cu"
#include "output.cu"
