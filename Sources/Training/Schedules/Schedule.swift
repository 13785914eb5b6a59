import Foundation
import Tensors

/// A number that depends on the step: a learning rate, or a factor of one.
///
/// ```swift
/// let rate: Schedule = 1e-3 * .warmup(steps: 100) * .cosine(from: 1, to: 0.1, steps: 2000)
/// let other = Schedule.constant(0.1).then(.exponential(from: 0.1, factor: 0.99), after: 500)
/// rate(0)   // 1e-05
/// ```
/// A schedule is a value without state: the same step always gives the same number, so training
/// that was interrupted continues at the right rate. Steps are counted from 0. A number is a
/// schedule too.
public struct Schedule: Sendable, Equatable {
  private let form: Form

  fileprivate indirect enum Form: Sendable, Equatable {
    case constant(Double)
    case linear(from: Double, to: Double, steps: Int)
    case warmup(Int)
    case cosine(from: Double, to: Double, steps: Int)
    case exponential(from: Double, factor: Double, every: Double)
    case steps(from: Double, factor: Double, at: [Int])
    case staircase(from: Double, factor: Double, every: Int)
    case product(Form, Form)
    case sequence(Form, Form, after: Int)
    case delayed(Form, by: Int)
  }

  private init(_ form: Form) { self.form = form }

  /// The number at a step, counted from 0.
  public func callAsFunction(_ step: Int) -> Double {
    expect(step >= 0, "steps are counted from 0, not \(step)")
    return form.value(at: step)
  }

  /// The same number at every step.
  public static func constant(_ value: Double) -> Schedule { Schedule(.constant(value)) }

  /// A straight line over `steps` steps, and a constant after that: from + (to - from) step /
  /// steps.
  public static func linear(from start: Double, to end: Double, steps: Int) -> Schedule {
    Schedule(.linear(from: start, to: end, steps: length(steps)))
  }

  /// A factor that grows linearly from almost 0 to 1 over the first steps:
  /// min(1, (step + 1) / steps); 0 steps give 1 from the beginning.
  public static func warmup(steps: Int) -> Schedule { Schedule(.warmup(length(steps))) }

  /// Half a cosine over `steps` steps, and a constant after that (Loshchilov and Hutter 2017,
  /// without restarts): (from + to) / 2 + (from - to) / 2 cos(pi step / steps).
  public static func cosine(from start: Double, to end: Double, steps: Int) -> Schedule {
    Schedule(.cosine(from: start, to: end, steps: length(steps)))
  }

  /// from factor^(step / every), smoothly: `factor` is what is left after `every` steps.
  ///
  /// - Parameters:
  ///   - start: the value at step 0.
  ///   - factor: the factor per `every` steps, above 0.
  ///   - every: the number of steps over which the value is multiplied by `factor` once; default 1.
  /// - Returns: the schedule.
  public static func exponential(
    from start: Double, factor: Double, every: Int = 1
  ) -> Schedule {
    expect(factor > 0 && every > 0, "a factor of \(factor) every \(every) steps makes no sense")
    return Schedule(.exponential(from: start, factor: factor, every: Double(every)))
  }

  /// A number that is multiplied by `factor` at some steps: from `factor`^n once n of them have
  /// been reached.
  public static func steps(from start: Double, factor: Double, at steps: [Int]) -> Schedule {
    expect(steps == steps.sorted(), "the steps \(steps) of a schedule ascend")
    return Schedule(.steps(from: start, factor: factor, at: steps))
  }

  /// A number that is multiplied every `every` steps: from factor^floor(step / every).
  public static func steps(from start: Double, factor: Double, every: Int) -> Schedule {
    expect(every > 0, "a rate cannot fall every \(every) steps")
    return Schedule(.staircase(from: start, factor: factor, every: every))
  }

  /// This schedule for some steps, and then another one, which counts its steps from that point.
  public func then(_ next: Schedule, after steps: Int) -> Schedule {
    Schedule(.sequence(form, next.form, after: Schedule.length(steps)))
  }

  /// This schedule after its value at step 0 has been held for some steps.
  public func delayed(by steps: Int) -> Schedule {
    Schedule(.delayed(form, by: Schedule.length(steps)))
  }

  /// The product of two schedules at each step.
  public static func * (a: Schedule, b: Schedule) -> Schedule { Schedule(.product(a.form, b.form)) }

  private static func length(_ steps: Int) -> Int {
    expect(steps >= 0, "a part of a schedule cannot last \(steps) steps")
    return steps
  }
}

extension Schedule: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  /// The same number at every step.
  public init(floatLiteral value: Double) { self.init(.constant(value)) }
  /// The same number at every step.
  public init(integerLiteral value: Int) { self.init(.constant(Double(value))) }
}

extension Schedule.Form {
  fileprivate func value(at step: Int) -> Double {
    switch self {
    case .constant(let value): return value
    case .linear(let start, let end, let steps):
      return step < steps ? start + (end - start) * Double(step) / Double(steps) : end
    case .warmup(let steps):
      return steps == 0 ? 1 : min(1, Double(step + 1) / Double(steps))
    case .cosine(let start, let end, let steps):
      guard step < steps else { return end }
      return (start + end) / 2 + (start - end) / 2 * cos(.pi * Double(step) / Double(steps))
    case .exponential(let start, let factor, let every):
      return start * pow(factor, Double(step) / every)
    case .steps(let start, let factor, let milestones):
      return start * pow(factor, Double(milestones.count { $0 <= step }))
    case .staircase(let start, let factor, let every):
      return start * pow(factor, Double(step / every))
    case .product(let a, let b): return a.value(at: step) * b.value(at: step)
    case .sequence(let first, let next, let steps):
      return step < steps ? first.value(at: step) : next.value(at: step - steps)
    case .delayed(let form, let steps): return form.value(at: max(0, step - steps))
    }
  }
}
