// trainmark's plugin ABI, version 1. Generated from harness/plugin/src/abi.rs;
// see docs/writing-a-backend.md for how to fill it in.

#ifndef TRAINMARK_H
#define TRAINMARK_H

#include <stddef.h>
#include <stdint.h>

// Major version: tables of another one are refused.
#define TM_ABI_MAJOR 1

// Minor version: grows with every addition; any minor is accepted.
#define TM_ABI_MINOR 2

// First field of the table: "TRAINMRK" as a little-endian number.
#define TM_MAGIC 5427485499566674516

// 2-D convolution: `channels` outputs, `window` side, `stride`, `padding`, `without_bias`.
#define TM_CONV2D 1

// Batch normalisation: `epsilon`, `momentum`.
#define TM_BATCH_NORM 2

// 1/(1 + e⁻ˣ)
#define TM_SIGMOID 3

// max(x, 0)
#define TM_RELU 4

// tanh x
#define TM_TANH 5

// Maximum over windows: `window`, `stride`. A tie gives its gradient to the first maximum.
#define TM_MAX_POOL2D 6

// Mean over windows: `window`, `stride`.
#define TM_AVG_POOL2D 7

// N×C×H×W to N×(C·H·W)
#define TM_FLATTEN 8

// y = x·Wᵀ + b: `channels` outputs, `without_bias`.
#define TM_LINEAR 9

// Inverted dropout: `rate`.
#define TM_DROPOUT 10

// Nearest-neighbour resize: `height`, `width`.
#define TM_RESIZE 11

// The sum of what it reads and another value of the same shape: `other`. Since ABI 1.2.
#define TM_ADD 12

// The model's input, as a layer's `input` or `other`. Since ABI 1.2.
#define TM_MODEL_INPUT 4294967295

// Running variance starts at 1, updated with the unbiased batch variance.
#define TM_UNBIASED_FROM_ONE 0

// Running variance starts at 0, updated with the biased batch variance.
#define TM_BIASED_FROM_ZERO 1

// Running variance starts at 1, updated with the biased batch variance. Since ABI 1.2.
#define TM_BIASED_FROM_ONE 2

// The samples that are trained on.
#define TM_TRAIN 0

// The samples held out.
#define TM_TEST 1

// A session: the plugin's own, opaque to the host (hence no `repr(C)`: the
// header only declares it).
typedef struct tm_session tm_session;

// Outcome of a call: one of the `TM_…` statuses below.
typedef int32_t tm_status;

// One way in which a backend computes batch norm.
typedef struct tm_implementation {
  // `primitive`, `builtin`, or a further name.
  const char *name;
  // One line on it.
  const char *summary;
  // `TM_UNBIASED_FROM_ONE`, `TM_BIASED_FROM_ZERO` or `TM_BIASED_FROM_ONE`.
  uint32_t running_variance;
  // Zero.
  uint32_t reserved;
} tm_implementation;

// One device.
typedef struct tm_device {
  // `cpu`, `cuda:0`, `wgpu:0`, …
  const char *id;
  // Why it cannot be used now; null where it can.
  const char *unavailable;
  // Name of the graphics adapter, where the harness cannot know it: for `wgpu`; else null. Since
  // ABI 1.2.
  const char *adapter;
  // Not 0: a software renderer, which computes on the processor. Since ABI 1.2.
  uint32_t is_software;
  // Zero.
  uint32_t reserved;
} tm_device;

// What a backend says of itself; lives as long as the library.
typedef struct tm_description {
  // Size of this struct in bytes.
  size_t struct_size;
  // Framework and version.
  const char *framework;
  // Number of implementations.
  size_t implementation_count;
  // Bytes from one implementation to the next.
  size_t implementation_size;
  // The implementations.
  const struct tm_implementation *implementations;
  // Number of devices.
  size_t device_count;
  // Bytes from one device to the next.
  size_t device_size;
  // The devices.
  const struct tm_device *devices;
  // Number of notes. Since ABI 1.1.
  size_t note_count;
  // What a reader of the numbers should know, a line each: a framework's defect that is worked
  // around, a choice that matters. Since ABI 1.1.
  const char *const *notes;
} tm_description;

// A buffer that the host owns and a plugin writes a message into.
typedef struct tm_text {
  // Size of this struct in bytes.
  size_t struct_size;
  // Where UTF-8 bytes go; no terminating zero is needed.
  char *data;
  // Bytes that fit; a longer message is cut.
  size_t capacity;
  // Bytes written, by the plugin.
  size_t length;
} tm_text;

// Describes the backend; called once, before anything else.
typedef tm_status (*tm_describe_fn)(const struct tm_description **description,
                                    struct tm_text *message);

// One layer; fields that its kind does not use are zero.
typedef struct tm_layer {
  // `TM_CONV2D`, …; an unknown kind is answered with `TM_UNSUPPORTED`.
  uint32_t kind;
  // Output channels of a convolution, output features of a linear layer.
  uint32_t channels;
  // Side of a kernel or pooling window.
  uint32_t window;
  // Step of the window.
  uint32_t stride;
  // Zeros added on each side.
  uint32_t padding;
  // Height to resize to.
  uint32_t height;
  // Width to resize to.
  uint32_t width;
  // Zero.
  uint32_t reserved;
  // Batch norm's ε.
  double epsilon;
  // Weight of the new batch in batch norm's running statistics.
  double momentum;
  // Dropout's rate.
  double rate;
  // What it reads. 0: the output of the layer before it, and the first one the model's input; n: the
  // output of the n-th layer, counted from 1, which comes before it; or `TM_MODEL_INPUT`. A model in
  // which it is not 0 has a `TM_ADD`. Since ABI 1.2.
  uint32_t input;
  // What `TM_ADD` adds, in the same numbers. Since ABI 1.2.
  uint32_t other;
  // 1 where a convolution or linear layer adds no bias and has none among its parameters, else 0. Only a
  // plugin whose table says minor version 2 or later gets a model in which it is not 0. Since ABI 1.2.
  uint32_t without_bias;
  // Zero.
  uint32_t reserved_too;
} tm_layer;

// A model: layers, of which each reads the output of the one before unless it says otherwise. Every
// output but the last one's is read by a layer.
typedef struct tm_model {
  // Size of this struct in bytes.
  size_t struct_size;
  // Name of the workload, for messages.
  const char *name;
  // Channels of an input image, or features of an input vector.
  uint32_t input_channels;
  // Height of an input image; 0 for a vector.
  uint32_t input_height;
  // Width of an input image; 0 for a vector.
  uint32_t input_width;
  // Zero.
  uint32_t reserved;
  // Number of layers.
  size_t layer_count;
  // Bytes from one layer to the next.
  size_t layer_size;
  // The layers, first to last.
  const struct tm_layer *layers;
} tm_model;

// Samples of one split.
typedef struct tm_samples {
  // Size of this struct in bytes.
  size_t struct_size;
  // Number of samples.
  size_t count;
  // Bytes per sample: channels·height·width.
  size_t sample_size;
  // `count·sample_size` bytes; the network's input is pixel/255 in float32.
  const uint8_t *pixels;
  // `count` classes.
  const uint8_t *labels;
} tm_samples;

// A named option.
//
// Options that the host may ask for, all of them required:
// - `optimiser`, where it is not plain stochastic gradient descent: `momentum` or `adam`, and its numbers
//   as options of their own: `momentum`, `weight_decay`; `beta1`, `beta2`, `epsilon`, `weight_decay`.
//
// With g = ∂loss/∂w + weight_decay·w, for every trained tensor:
// - `momentum`: v ← momentum·v + g; w ← w − rate·v.
// - `adam`: t ← t + 1; m ← beta1·m + (1 − beta1)·g; v ← beta2·v + (1 − beta2)·g²;
//   w ← w − rate·(m / (1 − beta1ᵗ)) / (√(v / (1 − beta2ᵗ)) + epsilon).
//
// A session begins with v, m and t at zero; `set_parameters` puts them back to zero, and nothing else does.
typedef struct tm_option {
  // Name.
  const char *key;
  // Value.
  const char *value;
  // Not 0: a plugin that does not know it answers `TM_UNSUPPORTED`. 0: it may ignore it.
  uint32_t required;
  // Zero.
  uint32_t reserved;
} tm_option;

// What the host asks for when it opens a session.
typedef struct tm_open_request {
  // Size of this struct in bytes.
  size_t struct_size;
  // The model.
  const struct tm_model *model;
  // Training samples.
  const struct tm_samples *train;
  // Test samples.
  const struct tm_samples *test;
  // `primitive`, `builtin`, …; `none` for a model without batch norm.
  const char *implementation;
  // `cpu`, `cuda:0`, …
  const char *device;
  // Threads to compute with, at least 1.
  uint32_t threads;
  // Zero.
  uint32_t reserved;
  // Batch size of training, at least 1.
  size_t batch_size;
  // Learning rate: of plain stochastic gradient descent, w ← w − rate·∂loss/∂w, unless the option
  // `optimiser` asks for another.
  double learning_rate;
  // Number of options.
  size_t option_count;
  // Bytes from one option to the next.
  size_t option_size;
  // Further options.
  const struct tm_option *options;
} tm_open_request;

// Builds a model on a device.
typedef tm_status (*tm_open_fn)(const struct tm_open_request *request,
                                struct tm_session **session,
                                struct tm_text *message);

// Sets every parameter: `count` row-major arrays in the order of the layers (weight, bias; gamma, beta,
// running mean, running variance).
typedef tm_status (*tm_set_parameters_fn)(struct tm_session *session,
                                          const float *const *values,
                                          const size_t *lengths,
                                          size_t count,
                                          struct tm_text *message);

// Copies every parameter out, in the same order and layout.
typedef tm_status (*tm_get_parameters_fn)(struct tm_session *session,
                                          float *const *values,
                                          const size_t *lengths,
                                          size_t count,
                                          struct tm_text *message);

// Outcome of a training step or epoch.
typedef struct tm_outcome {
  // Size of this struct in bytes.
  size_t struct_size;
  // Mean cross-entropy of the samples, each before its step's update.
  double loss;
  // Samples whose largest logit was their label's.
  uint64_t correct;
} tm_outcome;

// Trains on one batch: the training samples with these indices.
typedef tm_status (*tm_train_step_fn)(struct tm_session *session,
                                      const uint32_t *indices,
                                      size_t count,
                                      struct tm_outcome *outcome,
                                      struct tm_text *message);

// Trains on `order` in consecutive batches of `batch_size`; the last may be smaller and is kept.
typedef tm_status (*tm_train_epoch_fn)(struct tm_session *session,
                                       const uint32_t *order,
                                       size_t count,
                                       size_t batch_size,
                                       struct tm_outcome *outcome,
                                       struct tm_text *message);

// Writes `count × classes` logits in prediction mode; changes no parameter.
typedef tm_status (*tm_predict_fn)(struct tm_session *session,
                                   uint32_t split,
                                   const uint32_t *indices,
                                   size_t count,
                                   size_t batch_size,
                                   float *logits,
                                   size_t logits_length,
                                   struct tm_text *message);

// Ends a session and frees what it holds.
typedef void (*tm_close_fn)(struct tm_session *session);

// Table of an optional ability by its id; null where the plugin lacks it.
typedef const void *(*tm_extension_fn)(const char *id);

// The table that a plugin exports as `tm_backend_v1`.
typedef struct tm_backend_table {
  // `TM_MAGIC`
  uint64_t magic;
  // `TM_ABI_MAJOR`
  uint32_t major;
  // `TM_ABI_MINOR`
  uint32_t minor;
  // Size of this struct in bytes.
  size_t struct_size;
  // Unique name: lower-case letters, digits and dashes.
  const char *name;
  // Version of the plugin.
  const char *version;
  // Required.
  tm_describe_fn describe;
  // Required.
  tm_open_fn open;
  // Required.
  tm_set_parameters_fn set_parameters;
  // Required.
  tm_get_parameters_fn get_parameters;
  // Required.
  tm_train_step_fn train_step;
  // Required.
  tm_train_epoch_fn train_epoch;
  // Required.
  tm_predict_fn predict;
  // Required.
  tm_close_fn close;
  // May be null.
  tm_extension_fn extension;
} tm_backend_table;

// The call did what it should.
#define TM_OK 0

// The caller broke the contract: wrong order, shape, index or option.
#define TM_INVALID 1

// The backend cannot do this model, option or device faithfully.
#define TM_UNSUPPORTED 2

// The framework failed.
#define TM_FAILED 3

// Memory of host or device is exhausted.
#define TM_OUT_OF_MEMORY 4

// The device is absent, lost or too old.
#define TM_DEVICE 5

// The plugin panicked; the session accepts only `close` from then on.
#define TM_PANIC 6

#endif  /* TRAINMARK_H */

#if defined(_WIN32)
#define TM_EXPORT __declspec(dllexport)
#else
#define TM_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif
// What a plugin defines: `TM_EXPORT const tm_backend_table tm_backend_v1 = {...};`
TM_EXPORT extern const tm_backend_table tm_backend_v1;
#ifdef __cplusplus
}
#endif
