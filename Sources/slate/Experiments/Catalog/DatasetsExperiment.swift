import Foundation

extension Experiment {
  /// The quality of images regenerated through the slots, for each data set.
  static let datasets = Experiment(
    name: "datasets",
    shows: "How near images regenerated through the slots come to the images, unrolled (vanilla) "
      + "and implicit, on each data set.",
    source: "Chang, Griffiths and Levine (2022), table 1",
    published: [
      "CLEVR-Mirror: FID 22.19 (implicit) and 25.89 (vanilla), MSE 10.66 and 67.04.",
      "COCO-2017: FID 127.79 and 147.48, MSE 1659.15 and 1821.75.",
      "ShapeStacks: FID 34.2 and 34.76, MSE 108.67 and 312.14.",
    ],
    arms: { setting in
      let names = dataSetNames(setting.sources)
      return zip(setting.sources, names).flatMap { source, name in
        let figures = published[dataSetKind(source)]
        return [
          Arm(
            "\(name), vanilla", setting.configuration { $0.unroll() }, source,
            published: figures?.vanilla ?? [:]),
          Arm("\(name), implicit", setting.base, source, published: figures?.implicit ?? [:]),
        ]
      }
    },
    quantities: [
      .reconstruction, .distance, .crossEntropy, .dvae, .foreground, .clusteredForeground, .overlap,
      .secondsOfStep,
    ],
    charts: [.crossEntropy], takesSeveralDataSets: true)

  /// The names of the data sets: those of their folders, numbered if several are the same.
  private static func dataSetNames(_ sources: [DataSource]) -> [String] {
    let names = sources.map { source in
      source.path.map { URL(filePath: $0).standardizedFileURL.lastPathComponent }
        ?? "\(source.scenes ?? .shaded) scenes"
    }
    return distinct(names) { "\($0) \($1.ordinal)" }
  }

  /// The published data set that a folder's name contains.
  private static func dataSetKind(_ source: DataSource) -> String {
    let name = source.path?.lowercased() ?? ""
    return published.keys.sorted().first { name.contains($0) } ?? ""
  }

  private typealias Figures = (implicit: [String: String], vanilla: [String: String])

  private static let published: [String: Figures] = [
    "clevr": (
      ["fid": "22.19", "reconstruction_mse": "10.66"],
      ["fid": "25.89", "reconstruction_mse": "67.04"]
    ),
    "coco": (
      ["fid": "127.79", "reconstruction_mse": "1659.15"],
      ["fid": "147.48", "reconstruction_mse": "1821.75"]
    ),
    "shapestacks": (
      ["fid": "34.2", "reconstruction_mse": "108.67"],
      ["fid": "34.76", "reconstruction_mse": "312.14"]
    ),
  ]
}
