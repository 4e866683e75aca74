#include "model.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "pointer.h"

size_t shape_size(struct shape shape) { return shape.channels * shape.height * shape.width; }

const char *layer_name(uint32_t kind) {
  static const char *const names[] = {
      [TM_CONV2D] = "conv2d",   [TM_BATCH_NORM] = "batch_norm", [TM_SIGMOID] = "sigmoid",
      [TM_RELU] = "relu",       [TM_TANH] = "tanh",             [TM_MAX_POOL2D] = "max_pool2d",
      [TM_FLATTEN] = "flatten", [TM_AVG_POOL2D] = "avg_pool2d", [TM_LINEAR] = "linear",
      [TM_DROPOUT] = "dropout", [TM_RESIZE] = "resize",
      [TM_ADD] = "add",
  };
  const bool is_known = kind < sizeof names / sizeof names[0] && names[kind];
  return is_known ? names[kind] : "unknown kind";
}

// A tensor has at least one value and fewer than 2³²: sizes come from outside, and
// no later product of two may overflow.
static bool is_possible(const uint64_t sides[4]) {
  uint64_t product = 1;
  for (int i = 0; i < 4; i++) {
    // Both factors are below 2³².
    if (sides[i] > UINT32_MAX) return false;
    product *= sides[i];
    if (product == 0 || product > UINT32_MAX) return false;
  }
  return true;
}

static bool is_possible_shape(struct shape shape) {
  return is_possible((uint64_t[4]){shape.channels, shape.height, shape.width, 1});
}

// Windows of `size` that fit into `length` at steps of `stride`; 0 where none does.
static size_t windows(uint64_t length, uint32_t size, uint32_t stride) {
  if (size == 0 || stride == 0 || length < size) return 0;
  return (size_t)((length - size) / stride + 1);
}

// ---- Shape and parameters of each kind of layer ------------------------------
// Each answers why the layer does not fit its input, or NULL where it does.

// The bias has a value for each output channel.
static const char *set_parameters(struct layer *layer, const uint64_t weight[4]) {
  if (!is_possible(weight)) return "its weight is empty or has 2^32 values or more";
  layer->parameter_count = layer->options.without_bias ? 1 : 2;
  layer->lengths[0] = (size_t)(weight[0] * weight[1] * weight[2] * weight[3]);
  layer->lengths[1] = layer->options.without_bias ? 0 : (size_t)weight[0];
  return NULL;
}

static const char *fit_convolution(struct layer *layer) {
  const tm_layer *o = &layer->options;
  const uint64_t padding = 2 * (uint64_t)o->padding;
  layer->output.channels = o->channels;
  layer->output.height = windows(layer->input.height + padding, o->window, o->stride);
  layer->output.width = windows(layer->input.width + padding, o->window, o->stride);
  const uint64_t weight[4] = {o->channels, layer->input.channels, o->window, o->window};
  return set_parameters(layer, weight);
}

static const char *fit_pooling(struct layer *layer) {
  const tm_layer *o = &layer->options;
  layer->output.height = windows(layer->input.height, o->window, o->stride);
  layer->output.width = windows(layer->input.width, o->window, o->stride);
  return NULL;
}

static const char *fit_linear(struct layer *layer) {
  layer->output.channels = layer->options.channels;
  const uint64_t weight[4] = {layer->options.channels, layer->input.channels, 1, 1};
  return set_parameters(layer, weight);
}

static const char *fit_batch_norm(struct layer *layer) {
  if (!(layer->options.epsilon > 0.0)) return "epsilon is not positive";
  layer->parameter_count = 4;
  for (size_t i = 0; i < layer->parameter_count; i++) layer->lengths[i] = layer->input.channels;
  return NULL;
}

static const char *fit(struct layer *layer) {
  const uint32_t kind = layer->options.kind;
  const bool is_image = layer->input.is_image;
  layer->output = layer->input;
  switch (kind) {
    case TM_CONV2D:
      return is_image ? fit_convolution(layer) : "it needs an image";
    case TM_MAX_POOL2D:
    case TM_AVG_POOL2D:
      return is_image ? fit_pooling(layer) : "it needs an image";
    case TM_RESIZE:
      layer->output.height = layer->options.height;
      layer->output.width = layer->options.width;
      return is_image ? NULL : "it needs an image";
    case TM_FLATTEN:
      layer->output = (struct shape){.channels = shape_size(layer->input), .height = 1, .width = 1};
      return NULL;
    case TM_LINEAR:
      return is_image ? "it needs a vector" : fit_linear(layer);
    case TM_BATCH_NORM:
      return fit_batch_norm(layer);
    case TM_DROPOUT:
      return layer->options.rate >= 0.0 && layer->options.rate < 1.0 ? NULL : "its rate is not in [0, 1)";
    default:  // sigmoid, relu, tanh, add
      return NULL;
  }
}

// ---- The whole model ---------------------------------------------------------

// An element of the array may be larger than the struct that we know, or end where ABI 1.0 did.
enum { FIRST_LAYER_SIZE = offsetof(tm_layer, input) };

static tm_layer read_options(const tm_model *given, size_t i) {
  tm_layer options = {0};
  const size_t size = given->layer_size < sizeof options ? given->layer_size : sizeof options;
  memcpy(&options, element(given->layers, i, given->layer_size), size);
  return options;
}

// The place that layer `i` reads, from its number in the ABI; one that is not there yet is no place.
static size_t place(uint32_t number, size_t i) {
  if (number == 0) return i;
  return number == TM_MODEL_INPUT ? 0 : number;
}

// What layer `i` reads, and why that cannot be, or NULL.
static const char *fit_reads(struct model *model, size_t i, struct shape input) {
  struct layer *layer = &model->layers[i];
  layer->reads[0] = place(layer->options.input, i);
  layer->reads[1] = place(layer->options.other, i);
  layer->read_count = layer->options.kind == TM_ADD ? 2 : 1;
  struct shape shapes[2];
  for (size_t j = 0; j < layer->read_count; j++) {
    if (layer->reads[j] > i) return "it reads the output of a layer that does not come before it";
    shapes[j] = layer->reads[j] == 0 ? input : model->layers[layer->reads[j] - 1].output;
  }
  layer->input = shapes[0];
  if (layer->read_count == 1) return NULL;
  if (layer->reads[0] == layer->reads[1]) return "it adds a value to itself";
  const bool is_same = shapes[0].is_image == shapes[1].is_image && shapes[0].channels == shapes[1].channels &&
                       shapes[0].height == shapes[1].height && shapes[0].width == shapes[1].width;
  return is_same ? NULL : "it adds values of two shapes";
}

// The first layer but the last whose output no layer reads; their number where there is none.
static size_t find_unread(const struct model *model) {
  for (size_t i = 0; i + 1 < model->layer_count; i++) {
    bool is_read = false;
    for (size_t k = i + 1; k < model->layer_count; k++)
      for (size_t j = 0; j < model->layers[k].read_count; j++) is_read |= model->layers[k].reads[j] == i + 1;
    if (!is_read) return i;
  }
  return model->layer_count;
}

static tm_status read_layers(const tm_model *given, struct model *out, tm_text *message) {
  // A vector is told by its height and width of 0.
  const bool is_image = given->input_height != 0 || given->input_width != 0;
  struct shape input = {.channels = given->input_channels, .height = 1, .width = 1, .is_image = is_image};
  if (is_image) input.height = given->input_height, input.width = given->input_width;
  if (!is_possible_shape(input))
    return refuse(message, TM_INVALID, "the input of model %s is empty or has 2^32 values or more", given->name);
  out->features = shape_size(input);
  for (size_t i = 0; i < out->layer_count; i++) {
    struct layer *layer = &out->layers[i];
    layer->options = read_options(given, i);
    const uint32_t kind = layer->options.kind;
    if (kind < TM_CONV2D || kind > TM_ADD)
      return refuse(message, TM_UNSUPPORTED, "layer %zu of model %s has kind %u, which is newer than this plugin", i,
                    given->name, (unsigned)kind);
    const char *why = fit_reads(out, i, input);
    if (!why) why = fit(layer);
    if (!why && !is_possible_shape(layer->output)) why = "its output is empty or has 2^32 values or more";
    if (why)
      return refuse(message, TM_INVALID, "layer %zu (%s) of model %s: %s", i, layer_name(kind), given->name, why);
    out->has_batch_norm |= kind == TM_BATCH_NORM;
  }
  const size_t unread = find_unread(out);
  if (unread < out->layer_count)
    return refuse(message, TM_INVALID, "layer %zu (%s) of model %s: no layer reads its output", unread,
                  layer_name(out->layers[unread].options.kind), given->name);
  if (out->layer_count == 0 || out->layers[out->layer_count - 1].output.is_image)
    return refuse(message, TM_INVALID, "model %s does not end in a vector of logits", given->name);
  out->classes = out->layers[out->layer_count - 1].output.channels;
  return TM_OK;
}

tm_status model_read(const tm_model *given, struct model *out, tm_text *message) {
  if (!is_struct(given, sizeof *given))
    return refuse(message, TM_INVALID, "the model is missing, misaligned or too small");
  if (!given->name) return refuse(message, TM_INVALID, "the model's name is null");
  if (!are_elements(given->layers, given->layer_count, given->layer_size, FIRST_LAYER_SIZE))
    return refuse(message, TM_INVALID, "the layers of model %s are missing, misaligned or too small", given->name);
  *out = (struct model){.layer_count = given->layer_count};
  out->layers = calloc(out->layer_count > 0 ? out->layer_count : 1, sizeof *out->layers);
  if (!out->layers) return refuse(message, TM_OUT_OF_MEMORY, "no memory for %zu layers", out->layer_count);
  const tm_status status = read_layers(given, out, message);
  if (status != TM_OK) model_free(out);
  return status;
}

void model_free(struct model *model) {
  free(model->layers);
  model->layers = NULL;
}
