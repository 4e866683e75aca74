#include "loss.h"

#include <math.h>

// With z the logits of a sample and k its label, the loss is
//
//     −ln softmax(z)(k) = ln Σ_c e^(z(c) − max z) − (z(k) − max z)
//
// where the maximum is taken out so that no power overflows; the gradient of the
// batch's mean loss by z(c) is (softmax(z)(c) − [c = k]) / samples.
double cross_entropy(const float *logits, const uint8_t *labels, size_t classes, size_t samples, float *gradient,
                     uint64_t *correct) {
  double loss = 0.0;
  *correct = 0;
  for (size_t n = 0; n < samples; n++) {
    const size_t label = labels[n];
    size_t best = 0;
    for (size_t c = 1; c < classes; c++)
      if (logits[c * samples + n] > logits[best * samples + n]) best = c;
    *correct += best == label;
    const double largest = (double)logits[best * samples + n];
    double sum = 0.0;
    for (size_t c = 0; c < classes; c++) sum += exp((double)logits[c * samples + n] - largest);
    loss += log(sum) - ((double)logits[label * samples + n] - largest);
    for (size_t c = 0; c < classes; c++) {
      const double probability = exp((double)logits[c * samples + n] - largest) / sum;
      gradient[c * samples + n] = (float)((probability - (c == label ? 1.0 : 0.0)) / (double)samples);
    }
  }
  return loss / (double)samples;
}
