import CKernels
import Foundation
import TestFolders
import Testing

/// Control groups, as files of a made-up system.
@Suite struct QuotaTests {
  private static func quota(_ files: [String: String]) throws -> Double {
    try withTemporaryFolder { root in
      for (path, text) in files {
        let file = root.appending(path: path)
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
      }
      return ck_processor_quota(root.path)
    }
  }

  @Test("version 2: the least quota of a group and of those around it")
  func unified() throws {
    let own = "0::/a/b\n"
    #expect(
      try Self.quota([
        "proc/self/cgroup": own, "sys/fs/cgroup/a/b/cpu.max": "150000 100000\n",
      ]) == 1.5)
    #expect(
      try Self.quota([
        "proc/self/cgroup": own, "sys/fs/cgroup/a/b/cpu.max": "300000 100000\n",
        "sys/fs/cgroup/a/cpu.max": "200000 100000\n", "sys/fs/cgroup/cpu.max": "max 100000\n",
      ]) == 2)
    // In a container the group is the root of what is mounted, whatever its path outside.
    #expect(
      try Self.quota(["proc/self/cgroup": own, "sys/fs/cgroup/cpu.max": "50000 100000\n"]) == 0.5)
    #expect(
      try Self.quota(["proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "70000 10000\n"]) == 7)
  }

  @Test("version 1: quota and period of the controller cpu")
  func separate() throws {
    let own = "4:memory:/m\n3:cpuset:/s\n2:cpu,cpuacct:/docker/x\n1:name=systemd:/y\n"
    #expect(
      try Self.quota([
        "proc/self/cgroup": own, "sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us": "250000\n",
        "sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us": "100000\n",
      ]) == 2.5)
    #expect(
      try Self.quota([
        "proc/self/cgroup": own, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
      ]) == 0)
  }

  @Test("no bound, no files and nonsense are no quota")
  func none() throws {
    #expect(try Self.quota([:]) == 0)
    #expect(try Self.quota(["proc/self/cgroup": "0::/a\n"]) == 0)
    #expect(
      try Self.quota(["proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"]) == 0)
    #expect(
      try Self.quota(["proc/self/cgroup": "nonsense\n", "sys/fs/cgroup/cpu.max": "1 1\n"]) == 0)
    #expect(
      try Self.quota(["proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "100000 0\n"]) == 0)
  }

  @Test func thereIsAlwaysAProcessor() {
    #expect(ck_allowed_processors() >= 1)
    #expect((1...ck_allowed_processors()).contains(ck_processor_count()))
  }
}
