import ArgumentParser

/// Trains and examines SLATE with implicit slot attention.
@main
struct Slate: ParsableCommand {
  /// The version of the package.
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "slate",
    abstract: "Object-centric image models with slot attention as a fixed point.",
    discussion: """
      A run is a folder: `train` writes it, the other commands read it.

        slate train --steps 1000 --out RUN
        slate evaluate RUN
        slate reconstruct RUN picture.png --out seen.png
      """,
    version: version,
    subcommands: [
      Train.self, Evaluate.self, Reconstruct.self, Compare.self, Plot.self, DataCommand.self,
      Import.self, FrechetInceptionDistance.self,
    ])
}
