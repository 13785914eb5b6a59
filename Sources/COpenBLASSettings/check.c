#include "COpenBLASSettings.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

// Sizes: one that OpenBLAS multiplies in place where it has kernels for small matrices, and one
// beyond 10^6 multiplications that it packs; no extent is a multiple of a register's width.
static const struct {
  int m, n, k;
} sizes[] = {{19, 37, 65}, {103, 101, 107}};
enum { most = 107 * 107, order = 75 };

struct matrices {
  float a[most], b[most], c[most], expected[most];
  double a64[most], b64[most], c64[most];
  double matrix[order * order], factors[order * order];
};

// Whole numbers from -4 to 4. A sum of 107 products is at most 1712, far below 2^24.
static void fill(float *single, double *twice, unsigned seed) {
  for (int i = 0; i < most; i++) {
    seed = seed * 1664525u + 1013904223u;
    single[i] = (float)((int)(seed >> 24) % 9 - 4);
    twice[i] = single[i];
  }
}

static int products_equal(const struct cos_library *library, struct matrices *x, int m, int n,
                          int k, int a_transposed, int b_transposed) {
  for (int i = 0; i < m * n; i++) {
    x->expected[i] = x->b[i];
    x->c[i] = x->b[i];
    x->c64[i] = x->b[i];
  }
  for (int i = 0; i < m; i++)
    for (int l = 0; l < k; l++) {
      float left = 2 * (a_transposed ? x->a[l * m + i] : x->a[i * k + l]);
      float *row = x->expected + i * n;
      if (b_transposed)
        for (int j = 0; j < n; j++) row[j] += left * x->b[j * k + l];
      else
        for (int j = 0; j < n; j++) row[j] += left * x->b[l * n + j];
    }
  struct cos_product product = {.m = m,
                                .n = n,
                                .k = k,
                                .a_transposed = a_transposed,
                                .b_transposed = b_transposed,
                                .a_stride = a_transposed ? m : k,
                                .b_stride = b_transposed ? k : n,
                                .c_stride = n,
                                .scale = 2,
                                .keep = 1};
  library->sgemm(product, x->a, x->b, x->c);
  library->dgemm(product, x->a64, x->b64, x->c64);
  for (int i = 0; i < m * n; i++)
    if (x->c[i] != x->expected[i] || x->c64[i] != (double)x->expected[i]) return 0;
  return 1;
}

// Rows and columns as LAPACK counts them: element (i, j) is at i + j order.
static int factors_are_right(const struct cos_library *library, struct matrices *x) {
  int pivots[order];
  for (int i = 0; i < order * order; i++) {
    x->matrix[i] = x->a64[i] + 0.1 * x->b64[i];
    x->factors[i] = x->matrix[i];
  }
  if (library->dgetrf(order, x->factors, pivots) != 0) return 0;
  for (int i = 0; i < order; i++) {
    int other = pivots[i] - 1;
    if (other < i || other >= order) return 0;
    for (int j = 0; j < order; j++) {
      double moved = x->matrix[i + j * order];
      x->matrix[i + j * order] = x->matrix[other + j * order];
      x->matrix[other + j * order] = moved;
    }
  }
  for (int j = 0; j < order; j++)
    for (int i = 0; i < order; i++) {
      double sum = 0, size = 0;
      for (int l = 0; l <= i && l <= j; l++) {
        double term = (l == i ? 1 : x->factors[i + l * order]) * x->factors[l + j * order];
        sum += term;
        size += fabs(term);
      }
      if (!(fabs(x->matrix[i + j * order] - sum) <= order * DBL_EPSILON * size)) return 0;
    }
  return 1;
}

int cos_products_are_right(const struct cos_library *library) {
  struct matrices *x = malloc(sizeof *x);
  if (!x) return 0;
  fill(x->a, x->a64, 1);
  fill(x->b, x->b64, 2);
  int right = 1;
  for (int size = 0; right && size < (int)(sizeof sizes / sizeof *sizes); size++)
    for (int kind = 0; right && kind < 4; kind++)
      right = products_equal(library, x, sizes[size].m, sizes[size].n, sizes[size].k, kind & 1,
                             kind >> 1);
  right = right && factors_are_right(library, x);
  free(x);
  return right;
}
