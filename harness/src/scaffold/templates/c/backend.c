#include "backend.h"

// The ways to compute batch norm. Behind `primitive`, add `builtin` if the framework
// has a layer of its own.
static const tm_implementation implementations[] = {
    {
        .name = "primitive",
        .summary = "composed of elementary operations",
        // TM_BIASED_FROM_ZERO and TM_BIASED_FROM_ONE are the other conventions; check says
        // which one it is.
        .running_variance = TM_UNBIASED_FROM_ONE,
    },
};

// `.unavailable` would say why a device cannot be used on this machine.
static const tm_device devices[] = {{.id = "cpu"}};

const tm_description description = {
    .struct_size = sizeof(tm_description),
    .framework = "{{name}}",  // name and version of the framework
    .implementation_count = sizeof implementations / sizeof implementations[0],
    .implementation_size = sizeof implementations[0],
    .implementations = implementations,
    .device_count = sizeof devices / sizeof devices[0],
    .device_size = sizeof devices[0],
    .devices = devices,
    // .notes: what a reader of the numbers should know, such as a framework's defect
    // that is worked around
};
