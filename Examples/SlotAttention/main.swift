import Foundation

// `SlotAttention` compares gradients; `SlotAttention train` trains slots of one's own on sets of points.

switch CommandLine.arguments.dropFirst().first {
case nil: try compareEstimators()
case "train": try slotsFromSwift()
default:
  print("give nothing, or: train")
  exit(1)
}
