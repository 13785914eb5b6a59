import ArgumentParser
import CProcess
import Foundation

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
      Import.self, FrechetInceptionDistance.self, Doctor.self,
    ])

  /// Runs the command that the arguments name; a result that could not be printed is a failure.
  static func main() {
    // A file that grows beyond the limit of its user is an error of the write, like a full disk.
    cp_ignore_signals_of_writes()
    do {
      main(try CommandLineWords(Array(CommandLine.arguments.dropFirst())).words)
    } catch {
      exit(withError: error)
    }
    if let error = Console.firstFailure {
      // Who ended reading, as `head` does, knows.
      if error == EPIPE { Foundation.exit(128 + SIGPIPE) }
      Console.complain(
        "Error: standard output: what was to be printed could not be written "
          + "(\(String(cString: strerror(error)))); free some space, or print elsewhere")
      Foundation.exit(EXIT_FAILURE)
    }
  }
}
