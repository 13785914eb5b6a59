#pragma once

// What OpenBLAS does in this process, settled once before `main`: it runs on the thread that calls
// it, and with the best kernels that it has for the processor.

// Why the kernels are the ones that they are.
enum {
  cos_kept,           // OpenBLAS's own choice is as good as the processor allows
  cos_replaced,       // it had chosen kernels for an older processor
  cos_chosen_by_user, // OPENBLAS_CORETYPE is set
  cos_not_changeable, // lesser ones, in a build of OpenBLAS that has no others
  cos_check_failed,   // better ones gave wrong results, so its own choice stands
};

struct cos_choice {
  char own[24];   // OpenBLAS's choice, by its names: "Prescott", "SkylakeX"
  char used[24];  // the kernels that are used
  int reason;
  double milliseconds;  // what the choice cost, the check included
};

// The choice of this process.
struct cos_choice cos_chosen(void);

// A product by rows: c = scale a b + keep c, with operands transposed or not.
struct cos_product {
  int m, n, k;
  int a_transposed, b_transposed;
  int a_stride, b_stride, c_stride;
  double scale, keep;
};

// What the choice needs of OpenBLAS; a test hands in something else.
struct cos_library {
  const char *(*core_name)(void);
  void (*quit)(void);
  void (*init)(void);
  void (*sgemm)(struct cos_product, const float *a, const float *b, float *c);
  void (*dgemm)(struct cos_product, const double *a, const double *b, double *c);
  int (*dgetrf)(int n, double *matrix, int *pivots);  // n x n, by columns
};

// OpenBLAS as it is linked; `quit` and `init` are null where it has one set of kernels only.
struct cos_library cos_linked_library(void);

// Makes sure that no thread of OpenBLAS will choose kernels by itself any more: as they start, its
// threads ask for memory, and the first request of all, whoever makes it, looks whether kernels have been
// chosen. It is made here, by a product that needs memory. To be called before `quit`.
void cos_begin(const struct cos_library *library);

// Chooses kernels for a processor with vector instructions of `level` (ck_processor_level) by the
// maker `vendor`. While it runs, no other thread may use the library.
struct cos_choice cos_choose(const struct cos_library *library, int level, const char *vendor);

// Whether products and a factorisation equal those of plain loops. Products are of whole numbers
// small enough that no order of summation rounds, so they have to be equal; factors L and U of P A
// have to satisfy |P A - L U| <= 2 n u |L| |U|, twice the bound for any order of summation.
int cos_products_are_right(const struct cos_library *library);
