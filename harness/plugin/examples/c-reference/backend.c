#include "backend.h"

// The two differ in how their running variance starts and is updated, and share
// everything else: see batch_norm.c.
static const tm_implementation implementations[] = {
    {
        .name = "primitive",
        .summary = "a loop per formula; running variance as in the d2l.ai chapter",
        .running_variance = TM_BIASED_FROM_ZERO,
    },
    {
        .name = "builtin",
        .summary = "the same loops; running variance as in the frameworks",
        .running_variance = TM_UNBIASED_FROM_ONE,
    },
};

// `.unavailable` would say why a device cannot be used on this machine.
static const tm_device devices[] = {{.id = "cpu"}};

// What a reader of the numbers should know, a line each.
static const char *const notes[] = {"computes on one thread, however many it is given"};

const tm_description description = {
    .struct_size = sizeof(tm_description),
    .framework = "plain C11",
    .implementation_count = sizeof implementations / sizeof implementations[0],
    .implementation_size = sizeof implementations[0],
    .implementations = implementations,
    .device_count = sizeof devices / sizeof devices[0],
    .device_size = sizeof devices[0],
    .devices = devices,
    .note_count = sizeof notes / sizeof notes[0],
    .notes = notes,
};
