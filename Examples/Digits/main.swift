import Foundation
import Images

// A deep-equilibrium classifier of handwritten digits: `Digits` trains and compares it, `Digits chart
// FOLDER` draws the curve too, `Digits quick` is done in seconds, `Digits tutorial` goes the whole way
// from data to saved weights.

let words = Array(CommandLine.arguments.dropFirst())
switch words.first {
case "tutorial": try yourOwnModel()
case nil, "quick", "chart":
  var comparison = try Comparison()
  if words.first == "quick" { (comparison.epochs, comparison.seeds) = (3, [0]) }
  let rows = try comparison.measured()
  print(Comparison.table(rows))
  if let model = rows[0].model { print("\n" + (try comparison.tapeByTolerance(model))) }
  if words.first == "chart" {
    let folder = URL(filePath: words.count > 1 ? words[1] : ".")
    let chart = Comparison.chart(rows).svg(.wide)
    try Data(chart.utf8).write(to: folder.appending(path: "digits.svg"))
  }
default:
  print("give nothing, or one of: quick, tutorial, chart FOLDER")
  exit(1)
}
