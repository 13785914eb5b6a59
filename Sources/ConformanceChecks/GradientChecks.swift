import ImplicitLayers
import Tensors

/// A comparison of the gradient of a converged solution with finite differences.
///
/// ```swift
/// let failures = try GradientChecks(at: [w, x]) { v in
///   try fixedPoint(from: z0, until: rule) { z in (z.matmul(v[0]) + v[1]).tanh() }.square().sum()
/// }.failures()
/// ```
/// Along random directions s, the slope <dL/dx, s> is compared with central differences of the
/// number itself, each solved to its tolerance, over a sweep of steps h. If the gradient is right,
/// the error falls with h^2 until the solve's tolerance, or rounding, divided by h takes over, so
/// it is small at some step. If the gradient is wrong (because of a truncated estimator, a
/// forgotten dependence, or a solve that has not converged), the error stays on a plateau, whatever
/// the step.
public struct GradientChecks {
  /// The difference at one step.
  public struct Sample: Sendable {
    /// The step h, relative to the point's largest magnitude.
    public let step: Double
    /// The central difference (L(x + h s) - L(x - h s)) / 2 h.
    public let difference: Double
    /// Its distance from the slope, relative to the larger of both.
    public let relativeError: Double
  }

  /// The results along one direction.
  public struct Sweep: Sendable {
    /// The slope <dL/dx, s>.
    public let slope: Double
    /// One difference for each step, from large to small.
    public let samples: [Sample]
    /// The smallest relative error; NaN if there is none.
    public var error: Double {
      samples.map(\.relativeError).filter { !$0.isNaN }.min() ?? .nan
    }
  }

  private let points: [Tensor]
  private let loss: ([Tensor]) throws -> Tensor
  private let directions: Int
  private let tolerance: Double

  /// Checks of a number as a function of tensors.
  ///
  /// - Parameters:
  ///   - points: the tensors at which the number is differentiated; float64 shows more digits than
  ///     float32.
  ///   - directions: the number of directions; default 3.
  ///   - tolerance: the largest relative error at the best step; default 1e-5, which a solve to
  ///     1e-10 in float64 meets.
  ///   - loss: solves, and returns one number. It must return the same number for the same points
  ///     every time.
  public init(
    at points: [Tensor], directions: Int = 3, tolerance: Double = 1e-5,
    of loss: @escaping ([Tensor]) throws -> Tensor
  ) {
    expect(directions >= 1, "a gradient is checked along a direction at least, not \(directions)")
    (self.points, self.loss) = (points.map { $0.detached() }, loss)
    (self.directions, self.tolerance) = (directions, tolerance)
  }

  /// Checks of a layer's solution as a function of its input.
  ///
  /// The number is the sum of sin z*, to which no two entries contribute alike.
  public init<Layer: FixedPointLayer>(
    of layer: Layer, input: Tensor, directions: Int = 3, tolerance: Double = 1e-5
  ) where Layer.Input == Tensor, Layer.State == Tensor {
    self.init(at: [input], directions: directions, tolerance: tolerance) {
      try layer($0[0]).sin().sum()
    }
  }

  /// The faults of the gradient, in words; empty if it is right.
  ///
  /// - Throws: what the loss throws.
  /// - Complexity: one gradient, and 16 evaluations for each direction.
  public func failures() throws -> [String] {
    try sweeps().enumerated().compactMap { direction, sweep in
      guard !(sweep.error <= tolerance) else { return nil }
      let shown = sweep.samples.map { "\($0.difference) at \($0.step)" }.joined(separator: ", ")
      return "has the slope \(sweep.slope) along direction \(direction), but differences are "
        + "\(shown): off by \(sweep.error) at best, with \(tolerance) allowed"
    }
  }

  /// The sweep along each direction.
  ///
  /// - Throws: what the loss throws.
  public func sweeps() throws -> [Sweep] {
    try withoutRecording {
      let slopes = try gradient(at: points, of: loss)
      var generator = Philox(seed: 1)
      return try (0..<directions).map { _ in
        let direction = points.map { Tensor.normal($0.shape, dtype: $0.dtype, using: &generator) }
        return try sweep(along: direction, slopes)
      }
    }
  }

  private func sweep(along direction: [Tensor], _ slopes: [Tensor]) throws -> Sweep {
    let slope = zip(slopes, direction).reduce(0) { $0 + ($1.0 * $1.1).sum().scalar }
    let size = max(points.map(\.largestMagnitude).max() ?? 0, 1)
    let samples = try (1...8).map { exponent -> Sample in
      let relative = (0..<exponent).reduce(1.0) { step, _ in step / 10 }
      let step = relative * size
      let sides = try [step, -step].map { step in
        try loss(zip(points, direction).map { $0 + $1 * step }).scalar
      }
      let difference = (sides[0] - sides[1]) / (2 * step)
      let scale = max(abs(slope), abs(difference))
      let error = scale == 0 ? 0 : abs(slope - difference) / scale
      return Sample(step: relative, difference: difference, relativeError: error)
    }
    return Sweep(slope: slope, samples: samples)
  }
}
