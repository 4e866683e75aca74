// The kernels of `primitive`: one file per subject, one kernel per formula.
