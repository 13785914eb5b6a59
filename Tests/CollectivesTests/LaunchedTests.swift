#if MPI
  import Collectives
  import Foundation
  import TestFolders
  import Testing

  /// The collectives of MPI, and what becomes of a job whose ranks fail.
  @Suite(.oneJobAtATime) struct LaunchedTests {
    private let folder: TemporaryFolder
    init() throws { folder = try TemporaryFolder() }

    @Test("ranks of MPI compute what one process computes", arguments: [0, 1, 2, 3, 4])
    func collectives(_ ranks: Int) throws {
      let outcome = try Launched.run(ranks, "CollectivesProbe", in: folder.url)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.output == "ok \(max(ranks, 1))\n")
    }

    @Test(
      "an equilibrium whose state lies on the ranks, and its gradient, are those of one process",
      arguments: [0, 1, 2, 4])
    func sharded(_ ranks: Int) throws {
      let outcome = try Launched.run(ranks, "ShardedDiffusion", "check", "16", in: folder.url)
      #expect(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
      #expect(outcome.output.hasSuffix("\n\(max(ranks, 1)) ranks find what one finds\n"))
    }

    @Test("four ranks hold a quarter each of what one process holds")
    func memory() throws {
      let sizes = try [0, 4].map { ranks -> Double in
        let outcome = try Launched.run(
          ranks, "ShardedDiffusion", "memory", "96", "20000", "1e-10", in: folder.url)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let size = outcome.output.firstMatch(of: /at most ([0-9.]+) MB/).flatMap { Double($0.1) }
        return try #require(size, "\(outcome.output)")
      }
      // Strips of 24 rows, some of whose vectors have two more of their neighbours'.
      #expect(sizes[1] > 0.2 * sizes[0] && sizes[1] < 0.3 * sizes[0], "\(sizes)")
    }

    @Test("the library says which MPI it is")
    func version() throws {
      let name = try #require(Communicator.library)
      #expect(name.hasPrefix("Open MPI") || name.hasPrefix("MPICH"), "\(name)")
    }

    @Test("parameters that differ end all ranks, and the rank is named")
    func differing() throws {
      let outcome = try Launched.run(3, "CollectivesProbe", "differ", in: folder.url)
      #expect(outcome.status != 0)
      #expect(outcome.errors.contains("rank 2: the value of the parameter second.weight"))
    }

    @Test("a rank that fails ends all, and is named")
    func failing() throws {
      let outcome = try Launched.run(3, "CollectivesProbe", "fail", in: folder.url)
      #expect(outcome.status != 0)
      #expect(outcome.errors.contains("rank 2: the last rank was to fail"))
    }

    @Test(
      "a rank that is gone, or waited for in vain, ends the job", arguments: ["leave", "freeze"])
    func lost(_ word: String) throws {
      let outcome = try Launched.run(2, "CollectivesProbe", word, in: folder.url)
      #expect(outcome.status != 0)
      #expect(outcome.seconds < 30)
      if word == "freeze" {
        #expect(outcome.errors.contains("rank 0 has waited"), "\(outcome.errors)")
      }
    }
  }
#endif
