#include "CKernels.h"
#include "dialect.h"

#define CK_WINDOW_CAPACITY 64

// gamma = argmin |r - sum_i gamma_i w_i|^2 + ridge * sum_i |w_i|^2 gamma_i^2 for one sample, from
// gram[i, j] = <w_i, w_j> and right[i] = <w_i, r>.
//
// With columns scaled to unit length the matrix has ones on its diagonal, so that the ridge acts
// alike on long and short columns. The factorisation takes the newest column first; a column whose
// distance to the span of newer ones is rounding noise is left out (gamma_i = 0), as is a zero one.
static void ck_window_regression(const double *gram, const double *right, long capacity, long count,
                                 long newest, double ridge, double *gamma) {
  double factor[CK_WINDOW_CAPACITY][CK_WINDOW_CAPACITY], scaled[CK_WINDOW_CAPACITY];
  double scale[CK_WINDOW_CAPACITY];
  long order[CK_WINDOW_CAPACITY];
  int kept[CK_WINDOW_CAPACITY];
  for (long k = 0; k < count; k++) {
    order[k] = (newest - k + count) % count;
    double square = gram[order[k] * capacity + order[k]];
    scale[k] = square > 0 ? 1 / sqrt(square) : 0;
  }
  for (long i = 0; i < count; i++) {
    for (long j = 0; j <= i; j++) {
      double sum = i == j ? 1 + ridge : gram[order[i] * capacity + order[j]] * scale[i] * scale[j];
      for (long k = 0; k < j; k++) sum -= factor[i][k] * factor[j][k];
      if (j < i) factor[i][j] = kept[j] ? sum / factor[j][j] : 0;
      else {
        kept[i] = scale[i] > 0 && sum > 1e-14;
        factor[i][i] = kept[i] ? sqrt(sum) : 1;
      }
    }
  }
  for (long i = 0; i < count; i++) {
    double sum = right[order[i]] * scale[i];
    for (long k = 0; k < i; k++) sum -= factor[i][k] * scaled[k];
    scaled[i] = kept[i] ? sum / factor[i][i] : 0;
  }
  for (long i = count - 1; i >= 0; i--) {
    double sum = scaled[i];
    for (long k = i + 1; k < count; k++) sum -= factor[k][i] * scaled[k];
    scaled[i] = kept[i] ? sum / factor[i][i] : 0;
    gamma[order[i]] = scaled[i] * scale[i];
  }
}

#define CK_THEME "windows.inc"
#include "variants.h"
