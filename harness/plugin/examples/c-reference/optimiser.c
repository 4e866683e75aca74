#include "optimiser.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "pointer.h"

enum { KINDS = 3, NUMBERS = 5 };

static const char *const names[KINDS] = {"sgd", "momentum", "adam"};

// The numbers, where they go, which kinds have them, and what they must be below.
static const struct {
  const char *key;
  size_t offset;
  bool is_of[KINDS];
  double below;
} numbers[NUMBERS] = {
    {"momentum", offsetof(struct optimiser, momentum), {false, true, false}, 1.0},
    {"beta1", offsetof(struct optimiser, beta1), {false, false, true}, 1.0},
    {"beta2", offsetof(struct optimiser, beta2), {false, false, true}, 1.0},
    {"epsilon", offsetof(struct optimiser, epsilon), {false, false, true}, INFINITY},
    {"weight_decay", offsetof(struct optimiser, weight_decay), {false, true, true}, INFINITY},
};

// The value of the required option with this key; null where there is none.
static const char *find(const tm_open_request *request, const char *key) {
  for (size_t i = 0; i < request->option_count; i++) {
    const tm_option *option = element(request->options, i, request->option_size);
    if (option->required && option->key && strcmp(option->key, key) == 0) return option->value ? option->value : "";
  }
  return NULL;
}

static tm_status read_kind(const tm_open_request *request, struct optimiser *out, tm_text *message) {
  const char *name = find(request, "optimiser");
  for (size_t i = 0; i < KINDS; i++) {
    if (name && strcmp(name, names[i]) != 0) continue;
    out->kind = (enum optimiser_kind)i;
    return TM_OK;
  }
  return refuse(message, TM_UNSUPPORTED, "optimiser %s is not known to this plugin", name);
}

static tm_status read_number(const tm_open_request *request, size_t i, struct optimiser *out, tm_text *message) {
  const char *text = find(request, numbers[i].key);
  if (!text) return refuse(message, TM_INVALID, "option %s is missing", numbers[i].key);
  char *end;
  const double number = strtod(text, &end);
  const bool is_whole = end != text && *end == '\0';
  const bool is_positive = strcmp(numbers[i].key, "epsilon") == 0 ? number > 0.0 : number >= 0.0;
  if (!is_whole || !is_positive || !(number < numbers[i].below))
    return refuse(message, TM_INVALID, "option %s cannot be %s", numbers[i].key, text);
  memcpy((char *)out + numbers[i].offset, &number, sizeof number);
  return TM_OK;
}

static bool is_known(const struct optimiser *optimiser, const char *key) {
  if (!key) return false;
  bool known = strcmp(key, "optimiser") == 0;
  for (size_t i = 0; i < NUMBERS; i++)
    known |= numbers[i].is_of[optimiser->kind] && strcmp(key, numbers[i].key) == 0;
  return known;
}

tm_status optimiser_read(const tm_open_request *request, struct optimiser *out, tm_text *message) {
  *out = (struct optimiser){0};
  tm_status status = read_kind(request, out, message);
  if (status != TM_OK) return status;
  for (size_t i = 0; i < request->option_count; i++) {
    const tm_option *option = element(request->options, i, request->option_size);
    if (option->required && !is_known(out, option->key))
      return refuse(message, TM_UNSUPPORTED, "option %s is not known to this plugin",
                    option->key ? option->key : "without a name");
  }
  for (size_t i = 0; i < NUMBERS && status == TM_OK; i++)
    if (numbers[i].is_of[out->kind]) status = read_number(request, i, out, message);
  return status;
}

double optimiser_way(const struct optimiser *optimiser, double step, double w, double gradient, double *m, double *v) {
  // g = ∂L/∂w + decay·w
  const double g = gradient + optimiser->weight_decay * w;
  switch (optimiser->kind) {
    case MOMENTUM:
      // v ← momentum·v + g
      return *v = optimiser->momentum * *v + g;
    case ADAM: {
      // m ← β₁·m + (1 − β₁)·g, v ← β₂·v + (1 − β₂)·g²; then m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε)
      *m = optimiser->beta1 * *m + (1.0 - optimiser->beta1) * g;
      *v = optimiser->beta2 * *v + (1.0 - optimiser->beta2) * g * g;
      const double mean = *m / (1.0 - pow(optimiser->beta1, step));
      const double square = *v / (1.0 - pow(optimiser->beta2, step));
      return mean / (sqrt(square) + optimiser->epsilon);
    }
    default:
      return g;
  }
}
