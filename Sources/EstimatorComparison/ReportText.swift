import ImplicitLayers
import Tensors

extension ComparisonReport: CustomStringConvertible {
  /// The table.
  public var description: String { table }

  /// What was compared, then an aligned table of all parameters, then one of the groups if there
  /// are several.
  public var table: String {
    ([facts.joined(separator: "\n"), overallTable.aligned]
      + (groupNames.count > 1 ? ["cosine | relative error by group:", groupTable.aligned] : []))
      .joined(separator: "\n\n")
  }

  /// The table in Markdown.
  public var markdown: String {
    ([facts.map { "- \($0)" }.joined(separator: "\n"), overallTable.markdown]
      + (groupNames.count > 1 ? ["Cosine and relative error by group:", groupTable.markdown] : []))
      .joined(separator: "\n\n") + "\n"
  }

  /// One line for each estimator and group, and one with the group "all": full precision, empty
  /// where a number is not defined.
  public var csv: String {
    let header = [
      "estimator", "group", "cosine", "relative_error", "norm_ratio", "reference_share",
      "predicted_relative_error",
      "evaluations", "pullbacks", "forward_seconds", "backward_seconds", "peak_bytes",
      "tape_nodes", "status",
    ]
    var lines: [[String]] = []
    for row in rows {
      lines.append(line(row, "all", row.overall, predicted: row.predicted?.overall))
      for (index, figures) in row.groups.enumerated() {
        let predicted = row.predicted.flatMap { $0.groups[index] }
        lines.append(line(row, groupNames[index], figures, predicted: predicted))
      }
    }
    return FigureTable(header: header, rows: lines, words: []).csv
  }

  private func line(
    _ row: Row, _ group: String, _ figures: GradientFigures?, predicted: Double?
  ) -> [String] {
    let numbers: [String] = [
      FigureText.exact(figures?.cosine), FigureText.exact(figures?.relativeError),
      FigureText.exact(figures?.normRatio), FigureText.exact(figures?.share),
      FigureText.exact(predicted),
      FigureText.exact(row.evaluations), FigureText.exact(row.pullbacks),
      FigureText.exact(row.forwardSeconds), FigureText.exact(row.backwardSeconds),
      FigureText.exact(row.peakBytes), FigureText.exact(row.tapeNodes),
    ]
    return [row.name, group] + numbers + [row.status]
  }

  /// The whole report.
  ///
  /// - Throws: what the encoder throws; no case is known in which it does.
  public func json() throws -> String { try figureJSON() }

  /// The conditions of the comparison, a sentence each.
  private var facts: [String] {
    let kept = samples.filter(\.isKept)
    var lines = [
      "state: \(stateSize) numbers of \(dtype) per sample, \(kept.count) of \(samples.count) "
        + "samples; solver: \(solver)",
      "reference: \(reference)",
      "forward residual |f(z) - z| / |f(z)|: at most \(FigureText.scientific(forwardResidual))",
    ]
    if let spectrum {
      lines.append(
        "J at z* (\(spectrum.method)): spectral radius \(range(spectrum.radii)), norm "
          + range(spectrum.norms))
    }
    if let mixing { lines.append("warning: \(mixing)") }
    if !excludedSamples.isEmpty {
      lines.append(
        "left out, having no fixed point: "
          + excludedSamples.map(\.description).joined(separator: ", "))
    }
    let open = kept.filter { !["converged", "notMeasured"].contains($0.outcome) }
    if !open.isEmpty {
      lines.append(
        "kept, though the solve ended early: " + open.map(\.description).joined(separator: ", "))
    }
    return lines
  }

  private func range(_ numbers: [Double]) -> String {
    guard let low = numbers.min(), let high = numbers.max() else { return "-" }
    let (first, last) = (FigureText.fixed(low, 4), FigureText.fixed(high, 4))
    return first == last ? first : "\(first) to \(last)"
  }

  private var overallTable: FigureTable {
    let isTimed = rows.contains { $0.backwardSeconds != nil }
    let isPredicted = rows.contains { $0.predicted != nil }
    let header =
      ["estimator", "cosine", "rel. error"] + (isPredicted ? ["predicted"] : [])
      + ["norm ratio", "f", "J^T"]
      + (isTimed ? ["forward ms", "backward ms", "peak kB", "nodes"] : []) + ["backward solve"]
    let lines = rows.map { row -> [String] in
      var cells = [
        row.name, FigureText.fixed(row.overall?.cosine, 6),
        FigureText.scientific(row.overall?.relativeError),
      ]
      if isPredicted { cells.append(FigureText.scientific(row.predicted?.overall)) }
      cells += [
        FigureText.fixed(row.overall?.normRatio, 4), FigureText.count(row.evaluations),
        FigureText.count(row.pullbacks),
      ]
      if isTimed {
        cells += [
          FigureText.fixed(row.forwardSeconds.map { $0 * 1e3 }, 3),
          FigureText.fixed(row.backwardSeconds.map { $0 * 1e3 }, 3),
          FigureText.fixed(row.peakBytes.map { Double($0) / 1e3 }, 1),
          FigureText.count(row.tapeNodes),
        ]
      }
      return cells + [row.status]
    }
    return FigureTable(header: header, rows: lines, words: [0, header.count - 1])
  }

  private var groupTable: FigureTable {
    let lines = rows.filter { !$0.groups.isEmpty }.map { row in
      [row.name]
        + row.groups.map { figures in
          "\(FigureText.fixed(figures.cosine, 4)) | \(FigureText.scientific(figures.relativeError))"
        }
    }
    let shares = rows.first { !$0.groups.isEmpty }.map { row in
      ["(share of the norm)"] + row.groups.map { FigureText.scientific($0.share) }
    }
    return FigureTable(
      header: ["estimator"] + groupNames, rows: (shares.map { [$0] } ?? []) + lines, words: [0])
  }
}
