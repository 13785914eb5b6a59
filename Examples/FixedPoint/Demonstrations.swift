/// What this program shows when it is asked by name.
let demonstrations: [String: @Sendable () throws -> Void] = [
  "gradients": compareGradients,
  "divergence": examineDivergence,
  "states": solveForPair,
  "warm-start": continueFromBefore,
  "second-derivatives": differentiateTwice,
  "gradient-check": checkGradients,
  "whole-way": trainOnTheWholeWay,
  "torchdeq": comeFromTorchDEQ,
]
