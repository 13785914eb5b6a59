import EstimatorComparison
import Foundation

/// A table of runs.
///
/// It has a row for each group of runs that differ only in the seed, with mean and standard
/// deviation over the seeds.
struct SeedTable: Sendable {
  /// A run.
  struct Entry: Sendable {
    /// The name of the row to which the run belongs.
    let group: String
    let seed: UInt64
    /// The reason of a failure; nil if there was none.
    let failure: String?
    let values: [String: Double]
  }

  /// A column.
  struct Column: Sendable {
    let key: String
    let title: String
  }

  /// The rows, in their order.
  let groups: [String]
  let columns: [Column]
  let entries: [Entry]
  /// Published figures by group and column.
  var published: [String: [String: String]] = [:]

  /// A table with those columns that at least one run has measured.
  init(groups: [String], columns: [Column], entries: [Entry]) {
    self.groups = groups
    self.columns = columns.filter { column in entries.contains { $0.values[column.key] != nil } }
    self.entries = entries
  }

  /// Statistics over the runs of a group that have not failed; nil if none of them has the value.
  func statistics(of key: String, in group: String) -> SeedStatistics? {
    SeedStatistics(
      entries.filter { $0.group == group && $0.failure == nil }.compactMap { $0.values[key] })
  }

  private func entries(in group: String) -> [Entry] { entries.filter { $0.group == group } }

  /// The table with one row for each group.
  private var figures: FigureTable {
    let withPublished = columns.map { column in
      groups.contains { published[$0]?[column.key] != nil }
    }
    let header =
      ["", "runs", "failed"]
      + zip(columns, withPublished).flatMap { column, isPublished in
        isPublished ? [column.title, "published"] : [column.title]
      }
    let rows = groups.map { group in
      let runs = entries(in: group)
      return [group, "\(runs.count)", "\(runs.count { $0.failure != nil })"]
        + zip(columns, withPublished).flatMap { column, isPublished in
          let measured = statistics(of: column.key, in: group)?.text ?? "-"
          return isPublished ? [measured, published[group]?[column.key] ?? "-"] : [measured]
        }
    }
    return FigureTable(header: header, rows: rows, words: [0])
  }

  /// The table with one row for each run.
  private var runFigures: FigureTable {
    let rows = groups.flatMap { group in
      entries(in: group).sorted { $0.seed < $1.seed }.map { entry in
        [group, "\(entry.seed)"]
          + columns.map {
            entry.failure == nil ? entry.values[$0.key].map(\.brief) ?? "-" : "failed"
          }
      }
    }
    return FigureTable(
      header: ["", "seed"] + columns.map(\.title), rows: rows, words: [0])
  }

  /// The table for a page.
  var markdown: String { figures.markdown + "\n" }

  /// All runs, for a page.
  var markdownOfRuns: String { runFigures.markdown + "\n" }

  /// A line for each group and column, in full precision: `group,quantity,mean,deviation,runs,failed`.
  var csv: String {
    let rows = groups.flatMap { group in
      columns.map { column -> [String] in
        let found = statistics(of: column.key, in: group)
        return [
          group, column.key, found.map { "\($0.mean)" } ?? "",
          found?.deviation.map { "\($0)" } ?? "", "\(found?.count ?? 0)",
          "\(entries(in: group).count { $0.failure != nil })",
        ]
      }
    }
    return FigureTable(
      header: ["group", "quantity", "mean", "deviation", "runs", "failed"], rows: rows, words: []
    ).csv
  }

  /// A row as files store it.
  struct Row: Codable, Equatable {
    let group: String
    let runs: Int
    let failed: Int
    let quantities: [String: SeedStatistics]
    let published: [String: String]
  }

  /// All rows.
  var rows: [Row] {
    groups.map { group in
      let runs = entries(in: group)
      return Row(
        group: group, runs: runs.count, failed: runs.count { $0.failure != nil },
        quantities: Dictionary(
          uniqueKeysWithValues: columns.compactMap { column in
            statistics(of: column.key, in: group).map { (column.key, $0) }
          }),
        published: published[group] ?? [:])
    }
  }
}
