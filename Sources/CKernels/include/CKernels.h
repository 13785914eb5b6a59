#pragma once
#include <stdint.h>
#include "runtime.h"
#include "profile.h"
#include "workers.h"
#include "processor.h"
#include "elementary.h"

// Every kernel exists in single (f32) and double (f64) precision; its formula stands above its
// definition in the .inc file of the same theme. Matrices are row-major and contiguous.

void ck_f32_to_f64(const float *a, double *out, long n);
void ck_f64_to_f32(const double *a, float *out, long n);
void ck_u8_to_f32(const unsigned char *a, float scale, float *out, long n);

// Elementwise functions; out may be an operand. A step of 0 repeats one number.
void ck_affine_f32(const float *a, float alpha, float beta, float *out, long n);
void ck_accumulate_f32(const float *a, float *out, long n);
void ck_fill_f32(float value, float *out, long n);
void ck_select_rows_f32(const unsigned char *mask, const float *a, const float *b, float *out, long
    rows, long cols);
void ck_add_bias_rows_f32(const float *x, const float *bias, float *out, long rows, long cols, int
    rectified);
void ck_add_f32(const float *a, long a_step, const float *b, long b_step, float *out, long n);
void ck_sub_f32(const float *a, long a_step, const float *b, long b_step, float *out, long n);
void ck_mul_f32(const float *a, long a_step, const float *b, long b_step, float *out, long n);
void ck_div_f32(const float *a, long a_step, const float *b, long b_step, float *out, long n);
void ck_exp_f32(const float *a, float *out, long n);
void ck_log_f32(const float *a, float *out, long n);
void ck_tanh_f32(const float *a, float *out, long n);
void ck_sigmoid_f32(const float *a, float *out, long n);
void ck_sqrt_f32(const float *a, float *out, long n);
void ck_sin_f32(const float *a, float *out, long n);
void ck_cos_f32(const float *a, float *out, long n);
void ck_square_f32(const float *a, float *out, long n);
void ck_abs_f32(const float *a, float *out, long n);
void ck_relu_f32(const float *a, float *out, long n);
void ck_step_gt0_f32(const float *a, float *out, long n);
void ck_tanh_vjp_f32(const float *output, const float *dy, float *dx, long n);
void ck_sigmoid_vjp_f32(const float *output, const float *dy, float *dx, long n);
void ck_relu_vjp_f32(const float *output, const float *dy, float *dx, long n);
void ck_affine_f64(const double *a, double alpha, double beta, double *out, long n);
void ck_accumulate_f64(const double *a, double *out, long n);
void ck_fill_f64(double value, double *out, long n);
void ck_select_rows_f64(const unsigned char *mask, const double *a, const double *b, double *out,
    long rows, long cols);
void ck_add_bias_rows_f64(const double *x, const double *bias, double *out, long rows, long cols,
    int rectified);
void ck_add_f64(const double *a, long a_step, const double *b, long b_step, double *out, long n);
void ck_sub_f64(const double *a, long a_step, const double *b, long b_step, double *out, long n);
void ck_mul_f64(const double *a, long a_step, const double *b, long b_step, double *out, long n);
void ck_div_f64(const double *a, long a_step, const double *b, long b_step, double *out, long n);
void ck_exp_f64(const double *a, double *out, long n);
void ck_log_f64(const double *a, double *out, long n);
void ck_tanh_f64(const double *a, double *out, long n);
void ck_sigmoid_f64(const double *a, double *out, long n);
void ck_sqrt_f64(const double *a, double *out, long n);
void ck_sin_f64(const double *a, double *out, long n);
void ck_cos_f64(const double *a, double *out, long n);
void ck_square_f64(const double *a, double *out, long n);
void ck_abs_f64(const double *a, double *out, long n);
void ck_relu_f64(const double *a, double *out, long n);
void ck_step_gt0_f64(const double *a, double *out, long n);
void ck_tanh_vjp_f64(const double *output, const double *dy, double *dx, long n);
void ck_sigmoid_vjp_f64(const double *output, const double *dy, double *dx, long n);
void ck_relu_vjp_f64(const double *output, const double *dy, double *dx, long n);

void ck_pow_f32(const float *a, long a_step, const float *b, long b_step, float *out, long n);
void ck_atan2_f32(const float *a, long a_step, const float *b, long b_step, float *out, long n);
void ck_maximum_f32(const float *a, long a_step, const float *b, long b_step, float *out, long n);
void ck_minimum_f32(const float *a, long a_step, const float *b, long b_step, float *out, long n);
void ck_larger_share_f32(const float *a, long a_step, const float *b, long b_step, float *out, long n);
void ck_less_f32(const float *a, long a_step, const float *b, long b_step, unsigned char
    *out, long n);
void ck_less_equal_f32(const float *a, long a_step, const float *b, long b_step, unsigned char
    *out, long n);
void ck_equal_f32(const float *a, long a_step, const float *b, long b_step, unsigned char
    *out, long n);
void ck_select_f32(const unsigned char *mask, const float *a, const float *b, float *out, long n);
void ck_clamp_f32(const float *a, float low, float high, float *out, long n);
void ck_inside_f32(const float *a, float low, float high, float *out, long n);
void ck_pow_f64(const double *a, long a_step, const double *b, long b_step, double *out, long n);
void ck_atan2_f64(const double *a, long a_step, const double *b, long b_step, double *out, long n);
void ck_maximum_f64(const double *a, long a_step, const double *b, long b_step, double *out, long n);
void ck_minimum_f64(const double *a, long a_step, const double *b, long b_step, double *out, long n);
void ck_larger_share_f64(const double *a, long a_step, const double *b, long b_step, double *out, long n);
void ck_less_f64(const double *a, long a_step, const double *b, long b_step, unsigned char
    *out, long n);
void ck_less_equal_f64(const double *a, long a_step, const double *b, long b_step, unsigned char
    *out, long n);
void ck_equal_f64(const double *a, long a_step, const double *b, long b_step, unsigned char
    *out, long n);
void ck_select_f64(const unsigned char *mask, const double *a, const double *b, double *out, long n);
void ck_clamp_f64(const double *a, double low, double high, double *out, long n);
void ck_inside_f64(const double *a, double low, double high, double *out, long n);

// Sums, maxima and searches.
void ck_reduce_sum_f32(const float *a, float *out, long outer, long reduce, long inner);
void ck_norms_rows_f32(const float *a, double *out, long rows, long cols);
void ck_small_products_f32(const float *a, long a_step, long a_row, long a_column, const float *b,
                           long b_step, long b_row, long b_column, float *out, long count, long m,
                           long n, long k);
double ck_max_abs_f32(const float *a, long n);
long ck_first_nonfinite_f32(const float *a, long n);
void ck_reduce_sum_f64(const double *a, double *out, long outer, long reduce, long inner);
void ck_norms_rows_f64(const double *a, double *out, long rows, long cols);
void ck_small_products_f64(const double *a, long a_step, long a_row, long a_column, const double *b,
                           long b_step, long b_row, long b_column, double *out, long count, long m,
                           long n, long k);
double ck_max_abs_f64(const double *a, long n);
long ck_first_nonfinite_f64(const double *a, long n);

void ck_arg_extreme_f32(const float *a, float sign, int *out, long outer, long reduce, long inner);
void ck_cumulative_sum_f32(const float *a, float *out, long outer, long extent, long inner, int
    backwards);
void ck_arg_extreme_f64(const double *a, double sign, int *out, long outer, long reduce, long inner);
void ck_cumulative_sum_f64(const double *a, double *out, long outer, long extent, long inner, int
    backwards);

// Moving elements.
void ck_permute_copy_f32(const float *a, float *out, long rank, const long *shape, const long
    *strides);
void ck_transpose_f32(const float *a, long stride, float *out, long rows, long cols);
void ck_transpose_f64(const double *a, long stride, double *out, long rows, long cols);
void ck_pixel_shuffle2_f32(const float *in, float *out, long batch, long height, long width, long
    channels, int backward);
void ck_im2col_f32(const float *x, float *cols, long batch, long height, long width, long channels,
    long kernel, long stride, long pad, long out_height, long out_width);
void ck_col2im_f32(const float *cols, float *dx, long batch, long height, long width, long channels,
    long kernel, long stride, long pad, long out_height, long out_width);
void ck_max_pool_places_f32(const float *x, int *out, long batch, long height, long width, long
    channels, long kernel, long stride, long pad, long out_height, long out_width);
void ck_gather_rows_f32(const float *table, const int *ids, float *out, long n, long cols);
void ck_scatter_add_rows_f32(const float *dy, const int *ids, float *dtable, long n, long cols);
void ck_permute_copy_f64(const double *a, double *out, long rank, const long *shape, const long
    *strides);
void ck_pixel_shuffle2_f64(const double *in, double *out, long batch, long height, long width, long
    channels, int backward);
void ck_im2col_f64(const double *x, double *cols, long batch, long height, long width, long
    channels, long kernel, long stride, long pad, long out_height, long out_width);
void ck_col2im_f64(const double *cols, double *dx, long batch, long height, long width, long
    channels, long kernel, long stride, long pad, long out_height, long out_width);
void ck_max_pool_places_f64(const double *x, int *out, long batch, long height, long width, long
    channels, long kernel, long stride, long pad, long out_height, long out_width);
void ck_gather_rows_f64(const double *table, const int *ids, double *out, long n, long cols);
void ck_scatter_add_rows_f64(const double *dy, const int *ids, double *dtable, long n, long cols);

void ck_strided_write_f32(const float *a, float *out, long rank, const long *shape, const long
    *strides);
void ck_strided_write_f64(const double *a, double *out, long rank, const long *shape, const long
    *strides);

// Softmax and cross-entropy over rows.
void ck_softmax_rows_f32(const float *a, float *out, long rows, long cols);
void ck_softmax_vjp_rows_f32(const float *y, const float *dy, float *dx, long rows, long cols);
void ck_log_softmax_rows_f32(const float *a, float *out, long rows, long cols);
void ck_log_softmax_vjp_rows_f32(const float *y, const float *dy, float *dx, long rows, long cols);
void ck_cross_entropy_rows_f32(const float *logits, const int *targets, float *loss, float
    *probabilities, long rows, long cols);
void ck_cross_entropy_vjp_rows_f32(const float *probabilities, const int *targets, const float
    *dloss, float *dlogits, long rows, long cols);
void ck_gumbel_softmax_rows_f32(const float *a, const float *noise, float tau, float *out, long
    rows, long cols);
void ck_softmax_rows_f64(const double *a, double *out, long rows, long cols);
void ck_softmax_vjp_rows_f64(const double *y, const double *dy, double *dx, long rows, long cols);
void ck_log_softmax_rows_f64(const double *a, double *out, long rows, long cols);
void ck_log_softmax_vjp_rows_f64(const double *y, const double *dy, double *dx, long rows, long
    cols);
void ck_cross_entropy_rows_f64(const double *logits, const int *targets, double *loss, double
    *probabilities, long rows, long cols);
void ck_cross_entropy_vjp_rows_f64(const double *probabilities, const int *targets, const double
    *dloss, double *dlogits, long rows, long cols);
void ck_gumbel_softmax_rows_f64(const double *a, const double *noise, double tau, double *out, long
    rows, long cols);

// Layer norm and group norm.
void ck_layer_norm_f32(const float *x, const float *gain, const float *bias, float epsilon, float
    *out, float *mean, float *rstd, long rows, long cols);
void ck_layer_norm_vjp_f32(const float *x, const float *gain, const float *mean, const float *rstd,
    const float *dy, float *dx, float *dgain, float *dbias, long rows, long cols);
void ck_group_norm_f32(const float *x, const float *gain, const float *bias, float epsilon, int
    rectified, float *out, float *mean, float *rstd, long batch, long pixels, long channels);
void ck_group_norm_vjp_f32(const float *x, const float *gain, int rectified, const float *out, const
    float *mean, const float *rstd, const float *dy, float *dx, float *dgain, float *dbias, float
    *sums, long batch, long pixels, long channels);
void ck_layer_norm_f64(const double *x, const double *gain, const double *bias, double epsilon,
    double *out, double *mean, double *rstd, long rows, long cols);
void ck_layer_norm_vjp_f64(const double *x, const double *gain, const double *mean, const double
    *rstd, const double *dy, double *dx, double *dgain, double *dbias, long rows, long cols);
void ck_group_norm_f64(const double *x, const double *gain, const double *bias, double epsilon, int
    rectified, double *out, double *mean, double *rstd, long batch, long pixels, long channels);
void ck_group_norm_vjp_f64(const double *x, const double *gain, int rectified, const double *out,
    const double *mean, const double *rstd, const double *dy, double *dx, double *dgain, double
    *dbias, double *sums, long batch, long pixels, long channels);

// Attention over keys and over slots.
void ck_attention_softmax_f32(float *scores, float scale, const unsigned char *keep, float factor, float
    *dropped, long rows, long cols, long stride, long offset);
void ck_attention_softmax_vjp_f32(const float *p, float *dw, float scale, const unsigned char *keep, float
    factor, float *dropped, long rows, long cols, long stride);
void ck_slot_softmax_f32(float *logits, long batch, long slots, long inputs);
void ck_slot_weights_f32(const float *attention, float epsilon, float *weights, float *sums, long
    rows, long inputs);
void ck_slot_attention_vjp_f32(const float *attention, const float *weights, const float *sums,
    float *dw, long batch, long slots, long inputs);
void ck_attention_softmax_f64(double *scores, double scale, const unsigned char *keep, double factor, double
    *dropped, long rows, long cols, long stride, long offset);
void ck_attention_softmax_vjp_f64(const double *p, double *dw, double scale, const unsigned char *keep, double
    factor, double *dropped, long rows, long cols, long stride);
void ck_slot_softmax_f64(double *logits, long batch, long slots, long inputs);
void ck_slot_weights_f64(const double *attention, double epsilon, double *weights, double *sums,
    long rows, long inputs);
void ck_slot_attention_vjp_f64(const double *attention, const double *weights, const double *sums,
    double *dw, long batch, long slots, long inputs);

// Gated recurrent units.
void ck_gru_gates_f32(const float *gi, const float *gh, const float *h, float *out, float *saved,
    long rows, long width);
void ck_gru_gates_vjp_f32(const float *saved, const float *gh, const float *h, const float *dout,
    float *dgi, float *dgh, float *dh, long rows, long width);
void ck_gru_gates_f64(const double *gi, const double *gh, const double *h, double *out, double
    *saved, long rows, long width);
void ck_gru_gates_vjp_f64(const double *saved, const double *gh, const double *h, const double
    *dout, double *dgi, double *dgh, double *dh, long rows, long width);

// Random tensors.
void ck_philox_normal_f32(float *out, long samples, long count, uint64_t first_sample, uint64_t key,
    uint32_t draw);
void ck_philox_dropout_f32(const float *x, float *out, double rate, long samples, long count,
    uint64_t first_sample, uint64_t key, uint32_t draw);
void ck_philox_uniform_f32(float *out, long samples, long count, uint64_t first_sample, uint64_t
    key, uint32_t draw);
void ck_philox_gumbel_f32(float *out, long samples, long count, uint64_t first_sample, uint64_t key,
    uint32_t draw);
void ck_philox_normal_f64(double *out, long samples, long count, uint64_t first_sample, uint64_t
    key, uint32_t draw);
void ck_philox_dropout_f64(const double *x, double *out, double rate, long samples, long count,
    uint64_t first_sample, uint64_t key, uint32_t draw);
void ck_philox_uniform_f64(double *out, long samples, long count, uint64_t first_sample, uint64_t
    key, uint32_t draw);
void ck_philox_gumbel_f64(double *out, long samples, long count, uint64_t first_sample, uint64_t
    key, uint32_t draw);
void ck_philox_keep(unsigned char *keep, double rate, long samples, long count, uint64_t
    first_sample, uint64_t key, uint32_t draw);

// Optimisers.
void ck_adam_f32(const float *parameter, const float *grad, float *m, float *v, float *out, long n,
    double rate, double beta1, double beta2, double epsilon, double correction1, double correction2,
    double grad_scale);
void ck_adam_f64(const double *parameter, const double *grad, double *m, double *v, double *out,
    long n, double rate, double beta1, double beta2, double epsilon, double correction1, double
    correction2, double grad_scale);

// Windows of vectors, the memory of quasi-Newton methods.
void ck_window_set_f32(const float *a, const float *b, float *window, long capacity, long row, long batch,
    long n);
void ck_window_products_f32(const float *window, long capacity, long count, const float *x, float *out,
    long batch, long n);
void ck_window_combine_f32(const float *window, long capacity, long count, const float *c, double scale,
    const float *base, double base_scale, float *out, long batch, long n);
void ck_window_regress_f32(const float *window, long capacity, long count, long newest, const float *r,
    double ridge, double *gram, float *gamma, long batch, long n);
void ck_window_gram_f32(const float *window, long capacity, long count, long newest, const float *r,
    double *right, double *fresh, long batch, long n);
void ck_window_solve_f32(const double *right, const double *fresh, long capacity, long count, long newest,
    double ridge, double *gram, float *gamma, long batch);
void ck_window_set_f64(const double *a, const double *b, double *window, long capacity, long row, long batch,
    long n);
void ck_window_products_f64(const double *window, long capacity, long count, const double *x, double *out,
    long batch, long n);
void ck_window_combine_f64(const double *window, long capacity, long count, const double *c, double scale,
    const double *base, double base_scale, double *out, long batch, long n);
void ck_window_regress_f64(const double *window, long capacity, long count, long newest, const double *r,
    double ridge, double *gram, double *gamma, long batch, long n);
void ck_window_gram_f64(const double *window, long capacity, long count, long newest, const double *r,
    double *right, double *fresh, long batch, long n);
void ck_window_solve_f64(const double *right, const double *fresh, long capacity, long count, long newest,
    double ridge, double *gram, double *gamma, long batch);
