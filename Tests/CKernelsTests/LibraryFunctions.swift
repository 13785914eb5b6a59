import CKernels
import Foundation

extension ElementaryFunction {
  /// Functions that call libm, whose single-precision ones are within a few ulps on all systems.
  static let library: [ElementaryFunction] = [
    ElementaryFunction(
      testDescription: "tan", f32: ck_tan_f32, f64: ck_tan_f64, exact: { tan($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "sinh", f32: ck_sinh_f32, f64: ck_sinh_f64, exact: { sinh($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "cosh", f32: ck_cosh_f32, f64: ck_cosh_f64, exact: { cosh($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "asin", f32: ck_asin_f32, f64: ck_asin_f64, exact: { asin($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "acos", f32: ck_acos_f32, f64: ck_acos_f64, exact: { acos($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "atan", f32: ck_atan_f32, f64: ck_atan_f64, exact: { atan($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "asinh", f32: ck_asinh_f32, f64: ck_asinh_f64, exact: { asinh($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "acosh", f32: ck_acosh_f32, f64: ck_acosh_f64, exact: { acosh($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "atanh", f32: ck_atanh_f32, f64: ck_atanh_f64, exact: { atanh($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "erf", f32: ck_erf_f32, f64: ck_erf_f64, exact: { erf($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "log1p", f32: ck_log1p_f32, f64: ck_log1p_f64, exact: { log1p($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "expm1", f32: ck_expm1_f32, f64: ck_expm1_f64, exact: { expm1($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "log2", f32: ck_log2_f32, f64: ck_log2_f64, exact: { log2($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "log10", f32: ck_log10_f32, f64: ck_log10_f64, exact: { log10($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "exp2", f32: ck_exp2_f32, f64: ck_exp2_f64, exact: { exp2($0) },
      allowedUlps: 3),
    ElementaryFunction(
      testDescription: "reciprocal", f32: ck_reciprocal_f32, f64: ck_reciprocal_f64,
      exact: { 1 / $0 },
      allowedUlps: 0.5),
    ElementaryFunction(
      testDescription: "floor", f32: ck_floor_f32, f64: ck_floor_f64, exact: { floor($0) },
      allowedUlps: 0),
    ElementaryFunction(
      testDescription: "ceil", f32: ck_ceil_f32, f64: ck_ceil_f64, exact: { ceil($0) },
      allowedUlps: 0),
    ElementaryFunction(
      testDescription: "trunc", f32: ck_trunc_f32, f64: ck_trunc_f64, exact: { trunc($0) },
      allowedUlps: 0),
    ElementaryFunction(
      testDescription: "round", f32: ck_round_f32, f64: ck_round_f64, exact: { rint($0) },
      allowedUlps: 0),
  ]
}
