import Testing

@testable import Collectives

/// How many workers a rank takes, from what it sees of the machine.
@Suite struct WorkersOfRankTests {
  private func workers(
    _ processors: [Int], besides sets: [[Int]]? = nil, quota: Double? = nil, slurm: Int? = nil,
    asked: Int? = nil
  ) -> WorkersOfRank {
    WorkersOfRank(
      .init(host: "h", processors: processors, quota: quota, slurm: slurm),
      besides: sets ?? [processors], asked: asked)
  }

  @Test("one process takes the processors that it may use")
  func alone() {
    let found = workers([0, 1, 2])
    #expect(found.count == 3 && found.origin == "the processors that this process may use")
    #expect(found.warning == nil)
  }

  @Test("ranks with processors of their own take these")
  func bound() {
    let found = workers([2, 3], besides: [[0, 1], [2, 3]])
    #expect(found.count == 2 && found.warning == nil)
    #expect(found.origin == "the processors that the launcher left this rank")
  }

  @Test("ranks that may run anywhere share the processors")
  func unbound() {
    let all = Array(0..<8)
    let found = workers(all, besides: [all, all, all])
    #expect(found.count == 2 && found.warning == nil)
    #expect(found.origin == "8 processors shared by 3 ranks on this machine")
  }

  @Test("the quota of the control group is shared too")
  func quota() {
    let all = Array(0..<8)
    #expect(workers(all, quota: 3.5).count == 3)
    let found = workers(all, besides: [all, all], quota: 4)
    #expect(found.count == 2 && found.origin.contains("quota of 4 processors"))
    #expect(workers(all, quota: 0.5).count == 1)
  }

  @Test("Slurm's number counts where it is less")
  func slurm() {
    let found = workers(Array(0..<16), slurm: 4)
    #expect(found.count == 4 && found.origin == "SLURM_CPUS_PER_TASK")
    #expect(workers([0, 1], slurm: 4).count == 2)
  }

  @Test("more workers than processors are warned about")
  func tooMany() throws {
    let all = [0, 1]
    let found = workers(all, besides: [all, all, all, all])
    #expect(found.count == 1)
    let warning = try #require(found.warning)
    #expect(warning.contains("4 ranks of 1 worker share 2 processors"))
    let asked = workers(all, besides: [all, all], asked: 3)
    #expect(asked.count == 3 && asked.origin == "--workers")
    #expect(try #require(asked.warning).contains("2 ranks of 3 workers"))
    // One process may have its reasons.
    #expect(workers(all, asked: 8).warning == nil)
  }
}
