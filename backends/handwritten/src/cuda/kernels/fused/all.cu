// The kernels of `builtin`.
