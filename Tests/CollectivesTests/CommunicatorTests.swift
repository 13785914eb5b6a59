import Collectives
import Tensors
import Testing

/// What collectives give each rank, with threads as ranks.
@Suite struct CommunicatorTests {
  @Test("a process alone gets back what it gives")
  func alone() throws {
    let ranks = Communicator.alone
    #expect(ranks.rank == 0 && ranks.size == 1)
    #expect(ranks.sum(2.5) == 2.5 && ranks.maximum(-1) == -1)
    #expect(ranks.broadcast(bytes: [7, 8]) == [7, 8])
    #expect(ranks.gather([1, 2]) == [[1, 2]])
    #expect(ranks.gather("text") == ["text"])
    #expect(ranks.shift([1], by: 1) == nil)
    #expect(ranks.share(of: 5) == 0..<5)
    ranks.barrier()
    struct Failure: Error {}
    #expect(throws: Failure.self) { try ranks.together { throw Failure() } }
  }

  @Test("sums and maxima are the same on all ranks", arguments: [2, 3, 5])
  func reductions(_ size: Int) throws {
    let found = try Communicator.threads(size) { ranks in
      let own = Double(ranks.rank + 1)
      var floats = [Float(own), Float(10 * own)]
      ranks.sum(&floats)
      let tensor = ranks.sum(Tensor([own, -own], shape: [2, 1], dtype: .float64))
      return (
        floats, ranks.sum(own), ranks.maximum(-own), ranks.any(ranks.rank == 1), ranks.any(false),
        tensor
      )
    }
    let total = Double(size * (size + 1) / 2)
    #expect(found.count == size)
    for rank in found {
      #expect(rank.0 == [Float(total), Float(10 * total)])
      #expect(rank.1 == total && rank.2 == -1 && rank.3 && !rank.4)
      #expect(rank.5 == Tensor([total, -total], shape: [2, 1], dtype: .float64))
    }
  }

  @Test("copies come from the rank that is named, in the ranks' order")
  func copies() throws {
    let found = try Communicator.threads(3) { ranks in
      (
        ranks.broadcast(
          bytes: [UInt8](repeating: UInt8(ranks.rank), count: ranks.rank + 1), from: 1),
        ranks.broadcast(Tensor([Double(ranks.rank)], shape: [1])).scalars,
        ranks.gather([Double](repeating: Double(ranks.rank), count: ranks.rank)),
        ranks.gather(ranks.rank == 1 ? "" : "rank \(ranks.rank)"),
        ranks.shift([Double(ranks.rank)], by: 1), ranks.shift([Double(ranks.rank)], by: -1)
      )
    }
    for (rank, result) in found.enumerated() {
      #expect(result.0 == [1, 1])
      #expect(result.1 == [0])
      #expect(result.2 == [[], [1], [2, 2]])
      #expect(result.3 == ["rank 0", "", "rank 2"])
      #expect(result.4 == (rank == 0 ? nil : [Double(rank - 1)]))
      #expect(result.5 == (rank == 2 ? nil : [Double(rank + 1)]))
    }
  }

  @Test("the shares of the ranks are all samples, in order", arguments: [1, 2, 7, 12])
  func shares(_ total: Int) throws {
    let shares = try Communicator.threads(5) { $0.share(of: total) }
    #expect(shares.flatMap { Array($0) } == Array(0..<total))
    #expect(shares.allSatisfy { [total / 5, total / 5 + 1].contains($0.count) })
  }

  @Test("what fails on one rank is thrown on all, with its number")
  func failures() throws {
    struct Failure: Error, CustomStringConvertible { let description = "no such file" }
    let found = try Communicator.threads(4) { ranks -> (String?, Bool) in
      do {
        try ranks.together { if ranks.rank >= 2 { throw Failure() } }
        return (nil, false)
      } catch let error as RankFailure {
        return (error.description, error.underlying is Failure)
      }
    }
    #expect(found.allSatisfy { $0.0 == "rank 2: no such file (and 1 more rank failed)" })
    #expect(found.map(\.1) == [false, false, true, false])
  }

  @Test("threads that are in different operations stop, and read nothing that is not there")
  func differentOperations() async throws {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = try Communicator.threads(3) { ranks in
        var numbers = [Double](repeating: 1, count: ranks.rank + 1)
        ranks.sum(&numbers)
        return numbers
      }
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("in different operations, with [8, 16, 24] bytes"), "\(text)")
  }

  @Test("the ranks that differ from most are named")
  func differences() throws {
    let found = try Communicator.threads(4) { ranks -> RanksDiffer? in
      do {
        try ranks.expectEqual("same", what: "a", remedy: "b")
        try ranks.expectEqual(ranks.rank == 2 ? "x" : "y", what: "the text", remedy: "look at it")
        return nil
      } catch let error as RanksDiffer {
        return error
      }
    }
    for error in found {
      #expect(error?.ranks == [2])
      #expect(error?.description == "rank 2: the text differs from the other ranks'; look at it")
    }
  }

  @Test("a launcher is known by its variables")
  func launchers() throws {
    #expect(Launcher(environment: [:]) == nil)
    #expect(Launcher(environment: ["SLURM_NTASKS": "4"]) == nil)
    let open = try #require(
      Launcher(environment: ["OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_LOCAL_SIZE": "2"]))
    #expect(open.size == 4 && open.sizeHere == 2 && open.name == "Open MPI")
    #expect(Launcher(environment: ["PMI_SIZE": "3", "PMI_RANK": "0"])?.size == 3)
    #expect(Launcher(environment: ["PMIX_RANK": "0", "SLURM_NTASKS": "8"])?.size == 8)
    #expect(Launcher(environment: ["OMPI_COMM_WORLD_SIZE": "many"]) == nil)
    #expect(try Communicator.ofLauncher(environment: [:]).size == 1)
    #expect(try Communicator.ofLauncher(environment: ["PMI_SIZE": "1"]).size == 1)
  }

  @Test("tasks of Slurm that cannot find each other are an error, not several programs")
  func tasksWithoutPMI() throws {
    let tasks = ["SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "1"]
    let error = try #require(throws: TasksWithoutPMI.self) {
      try Communicator.ofLauncher(environment: tasks)
    }
    #expect(error.size == 4 && error.description.contains("srun --mpi=pmix"))
    // One task; the script of a job of several; mpirun in a step of several.
    for variables in [
      ["SLURM_NTASKS": "1", "SLURM_STEP_NUM_TASKS": "1"], ["SLURM_NTASKS": "4"],
      tasks.merging(["OMPI_COMM_WORLD_SIZE": "1"]) { _, new in new },
    ] {
      #expect(try Communicator.ofLauncher(environment: variables).size == 1)
    }
  }

  #if !MPI
    @Test("several ranks of a program without MPI are an error, not several programs")
    func withoutMPI() throws {
      let error = try #require(throws: BuiltWithoutMPI.self) {
        try Communicator.ofLauncher(environment: ["OMPI_COMM_WORLD_SIZE": "2"])
      }
      #expect(error.description.contains("Open MPI started 2 ranks"))
      #expect(error.description.contains("--traits MPI"))
      #expect(Communicator.library == nil)
    }
  #endif
}
