/// The distance of a single-precision result from the exact value, in units in the last place.
///
/// A unit is the spacing of floats at the exact value, never below the spacing of normal numbers.
/// Infinity and NaN are at distance 0 from themselves and infinitely far from anything else.
func ulps(_ value: Float, from exact: Double) -> Double {
  let rounded = Float(exact)
  if rounded.isNaN || value.isNaN { return rounded.isNaN && value.isNaN ? 0 : .infinity }
  if rounded.isInfinite || value.isInfinite { return rounded == value ? 0 : .infinity }
  let unit = Double(max(rounded.magnitude, .leastNormalMagnitude).ulp)
  return abs(Double(value) - exact) / unit
}

/// As for floats; the exact value is itself in double precision.
func ulps(_ value: Double, from exact: Double) -> Double {
  if exact.isNaN || value.isNaN { return exact.isNaN && value.isNaN ? 0 : .infinity }
  if exact.isInfinite || value.isInfinite { return exact == value ? 0 : .infinity }
  return abs(value - exact) / max(exact.magnitude, .leastNormalMagnitude).ulp
}

/// The largest distance over a list, with where it occurs.
func worstUlps(_ values: [Float], _ inputs: [Float], _ exact: (Double) -> Double) -> (
  ulps: Double, input: Float, value: Float
) {
  var worst = (ulps: -1.0, input: Float.nan, value: Float.nan)
  for (value, input) in zip(values, inputs) {
    let distance = ulps(value, from: exact(Double(input)))
    if distance > worst.ulps { worst = (distance, input, value) }
  }
  return worst
}
