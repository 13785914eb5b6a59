import Tensors
import TestSupport
import Testing

/// The counters are process-wide, so each of these tests has a process of its own.
@Suite struct TapeMemoryTests {
  @Test func aLongTapeIsReleasedWithoutOverflow() async {
    await #expect(processExitsWith: .success) {
      let before = TensorMemory.liveNodes
      do {
        var x = Tensor(1, dtype: .float64).variable()
        for _ in 0..<300_000 { x = x.affine(scale: 1) }
        #expect(TensorMemory.liveNodes == before + 300_001)
      }
      #expect(TensorMemory.liveNodes == before)
    }
  }

  @Test func aLongTapeIsReleasedByItsBackwardPass() async {
    await #expect(processExitsWith: .success) {
      let before = TensorMemory.liveNodes
      do {
        let x = Tensor(1, dtype: .float64).variable()
        var y = x
        for _ in 0..<300_000 { y = y * 0.5 + y * 0.5 }
        let gradient = try gradients(of: y)[x]
        #expect(gradient?.scalar == 1)
        #expect(TensorMemory.liveNodes == before + 2)
      }
      #expect(TensorMemory.liveNodes == before)
    }
  }

  @Test func onlyLeavesRemainAfterABackwardPass() async {
    await #expect(processExitsWith: .success) {
      let x = testTensor([4, 3]).variable()
      let w = testTensor([3, 5], seed: 2).variable()
      let nodes = TensorMemory.liveNodes
      let bytes = TensorMemory.liveBytes
      let table = try gradients(of: x.matmul(w).tanh().square().sum())
      #expect(TensorMemory.liveNodes == nodes)
      #expect(TensorMemory.liveBytes == bytes + (12 + 15) * 8)
      #expect(table.count == 2)
    }
  }
}
