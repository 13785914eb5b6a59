// Every kernel that has variants; one that is missing here is missing when a program is linked.

#define BOTH(X, name) X(ck_##name##_f32) X(ck_##name##_f64)
#define CK_EACH_KERNEL(X)                                                                       \
  X(ck_f32_to_f64) X(ck_f64_to_f32) X(ck_u8_to_f32) X(ck_philox_keep)                           \
  BOTH(X, affine) BOTH(X, accumulate) BOTH(X, fill) BOTH(X, select_rows)                        \
  BOTH(X, add_bias_rows) BOTH(X, add) BOTH(X, sub) BOTH(X, mul) BOTH(X, div) BOTH(X, exp)       \
  BOTH(X, log) BOTH(X, tanh) BOTH(X, sigmoid) BOTH(X, sqrt) BOTH(X, sin) BOTH(X, cos)           \
  BOTH(X, square) BOTH(X, abs) BOTH(X, relu) BOTH(X, step_gt0) BOTH(X, tanh_vjp)                \
  BOTH(X, sigmoid_vjp) BOTH(X, relu_vjp) BOTH(X, reduce_sum)                                    \
  BOTH(X, norms_rows) BOTH(X, small_products) BOTH(X, max_abs) BOTH(X, first_nonfinite)         \
  BOTH(X, permute_copy) BOTH(X, transpose) BOTH(X, pixel_shuffle2) BOTH(X, im2col)              \
  BOTH(X, col2im) BOTH(X, gather_rows) BOTH(X, scatter_add_rows) BOTH(X, softmax_rows)          \
  BOTH(X, softmax_vjp_rows) BOTH(X, log_softmax_rows) BOTH(X, log_softmax_vjp_rows)             \
  BOTH(X, cross_entropy_rows) BOTH(X, cross_entropy_vjp_rows)                                   \
  BOTH(X, gumbel_softmax_rows) BOTH(X, layer_norm) BOTH(X, layer_norm_vjp)                      \
  BOTH(X, group_norm) BOTH(X, group_norm_vjp) BOTH(X, attention_softmax)                        \
  BOTH(X, attention_softmax_vjp) BOTH(X, slot_softmax) BOTH(X, slot_weights)                    \
  BOTH(X, slot_attention_vjp) BOTH(X, gru_gates) BOTH(X, gru_gates_vjp)                         \
  BOTH(X, philox_normal) BOTH(X, philox_dropout) BOTH(X, philox_uniform)                        \
  BOTH(X, philox_gumbel) BOTH(X, adam) BOTH(X, window_set) BOTH(X, window_products)             \
  BOTH(X, window_combine) BOTH(X, window_regress) BOTH(X, window_gram) BOTH(X, window_solve)    \
  BOTH(X, pow) BOTH(X, atan2) BOTH(X, maximum) BOTH(X, minimum) BOTH(X, larger_share)           \
  BOTH(X, less) BOTH(X, less_equal) BOTH(X, equal) BOTH(X, select) BOTH(X, clamp)               \
  BOTH(X, inside) BOTH(X, reciprocal) BOTH(X, sign) BOTH(X, floor) BOTH(X, ceil)                \
  BOTH(X, trunc) BOTH(X, round) BOTH(X, tan) BOTH(X, sinh) BOTH(X, cosh) BOTH(X, asin)          \
  BOTH(X, acos) BOTH(X, atan) BOTH(X, asinh) BOTH(X, acosh) BOTH(X, atanh) BOTH(X, erf)         \
  BOTH(X, log1p) BOTH(X, expm1) BOTH(X, log2) BOTH(X, log10) BOTH(X, exp2)                      \
  BOTH(X, strided_write) BOTH(X, arg_extreme) BOTH(X, cumulative_sum) BOTH(X, max_pool_places)
