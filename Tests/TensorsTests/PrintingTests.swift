import Tensors
import Testing

/// Tensors as text.
@Suite struct PrintingTests {
  @Test func columnsAreAligned() {
    #expect(
      "\([[1, -2.5, 3], [4, 5, 6.25]] as Tensor)"
        == "Tensor [2, 3] float32\n[[ 1.00, -2.50,  3.00],\n [ 4.00,  5.00,  6.25]]")
    #expect("\(Tensor(3, dtype: .float64))" == "Tensor [] float64 3.0")
    #expect("\(Tensor([1 / 3.0, 0]))" == "Tensor [2] float32 [0.3333, 0.0000]")
    #expect(
      "\(Tensor([Double.nan, -Double.infinity, 1]))" == "Tensor [3] float32 [ nan, -inf,  1.0]")
    #expect("\(Tensor.zeros([2, 0]))" == "Tensor [2, 0] float32\n[[],\n []]")
  }

  @Test func largeAndSmallNumbersHaveExponents() {
    #expect("\(Tensor([1e-7, -1]))" == "Tensor [2] float32 [ 1.0e-07, -1.0e+00]")
    #expect("\(Tensor([1.5e10]))" == "Tensor [1] float32 [1.5e+10]")
    #expect("\(Tensor([0.99999999], dtype: .float64))" == "Tensor [1] float64 [1.0]")
    #expect("\(Tensor([9.99999e-9], dtype: .float64))" == "Tensor [1] float64 [1.0e-08]")
  }

  @Test func matricesStandApart() {
    #expect(
      "\([[[1, 2]], [[3, 4]]] as IntTensor)" == "IntTensor [2, 1, 2]\n[[[1, 2]],\n\n [[3, 4]]]")
    #expect("\([true, false] as BoolTensor)" == "BoolTensor [2] [ true, false]")
  }

  @Test func longAxesAreElided() {
    let text = "\(Tensor((0..<2000).map(Double.init), shape: [2, 1000]))"
    #expect(
      text
        == "Tensor [2, 1000] float32\n"
        + "[[   0.0,    1.0,    2.0, ...,  997.0,  998.0,  999.0],\n"
        + " [1000.0, 1001.0, 1002.0, ..., 1997.0, 1998.0, 1999.0]]")
    #expect("\(Tensor.zeros([1001]))".contains("..."))
    #expect(!"\(Tensor.zeros([1000]))".contains("..."))
  }
}
