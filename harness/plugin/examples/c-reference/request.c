#include "request.h"

#include <math.h>
#include <string.h>

#include "backend.h"
#include "message.h"
#include "pointer.h"

// What they ask for is read by `optimiser_read`.
static tm_status check_options(const tm_open_request *request, tm_text *message) {
  if (!are_elements(request->options, request->option_count, request->option_size, sizeof(tm_option)))
    return refuse(message, TM_INVALID, "the options are missing, misaligned or too small");
  return TM_OK;
}

// Only what `describe` lists can be asked for.
static tm_status check_choices(const tm_open_request *request, bool has_batch_norm, tm_text *message) {
  const char *implementation = request->implementation;
  if (!implementation) return refuse(message, TM_INVALID, "the implementation's name is null");
  if (!request->device) return refuse(message, TM_INVALID, "the device's id is null");
  bool is_listed = false;
  for (size_t i = 0; i < description.implementation_count; i++)
    is_listed |= strcmp(implementation, description.implementations[i].name) == 0;
  const bool is_none = strcmp(implementation, "none") == 0;
  if (!has_batch_norm && !is_none)
    return refuse(message, TM_UNSUPPORTED, "implementation %s: the model has no batch norm; ask for none",
                  implementation);
  if (has_batch_norm && !is_listed)
    return refuse(message, TM_UNSUPPORTED, "implementation %s of batch norm is not offered", implementation);
  for (size_t i = 0; i < description.device_count; i++)
    if (strcmp(request->device, description.devices[i].id) == 0) return TM_OK;
  return refuse(message, TM_DEVICE, "there is no device %s", request->device);
}

static tm_status check_numbers(const tm_open_request *request, tm_text *message) {
  if (request->threads == 0) return refuse(message, TM_INVALID, "threads must be at least 1");
  if (request->batch_size == 0) return refuse(message, TM_INVALID, "the batch size must be at least 1");
  if (!isfinite(request->learning_rate)) return refuse(message, TM_INVALID, "the learning rate is not finite");
  return TM_OK;
}

static tm_status check_samples(const tm_samples *samples, const char *name, const struct model *model,
                               tm_text *message) {
  if (!is_struct(samples, sizeof *samples))
    return refuse(message, TM_INVALID, "the %s samples are missing, misaligned or too small", name);
  if (samples->count == 0) return TM_OK;
  if (samples->sample_size != model->features)
    return refuse(message, TM_INVALID, "%s samples have %zu bytes, the model needs %zu", name, samples->sample_size,
                  model->features);
  if (!samples->pixels || !samples->labels || samples->count > PTRDIFF_MAX / samples->sample_size)
    return refuse(message, TM_INVALID, "the %s samples are null or impossibly many", name);
  for (size_t i = 0; i < samples->count; i++)
    if (samples->labels[i] >= model->classes)
      return refuse(message, TM_INVALID, "a %s label is %u, the model has %zu classes", name,
                    (unsigned)samples->labels[i], model->classes);
  return TM_OK;
}

tm_status request_read(const tm_open_request *request, struct model *model, tm_text *message) {
  if (!is_struct(request, sizeof *request))
    return refuse(message, TM_INVALID, "the open request is missing, misaligned or too small");
  tm_status status = check_options(request, message);
  if (status == TM_OK) status = model_read(request->model, model, message);
  if (status != TM_OK) return status;
  status = check_choices(request, model->has_batch_norm, message);
  if (status == TM_OK) status = check_numbers(request, message);
  if (status == TM_OK) status = check_samples(request->train, "training", model, message);
  if (status == TM_OK) status = check_samples(request->test, "test", model, message);
  if (status != TM_OK) model_free(model);
  return status;
}
