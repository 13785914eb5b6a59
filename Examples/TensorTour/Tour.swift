import Tensors

/// Docs/Tutorials/TensorsInTenMinutes.md.
func tour() throws {
  // snippet.making
  let x: Tensor = [[1, 2, 3], [4, 5, 6]]
  print(x)
  print(Tensor.zeros([2, 3]).dtype, Tensor([0.5, 2], dtype: .float64).dtype)
  var random = Philox(seed: 1)
  let noise = Tensor.normal([2, 3], using: &random)
  print(noise.shape)
  // snippet.end

  // snippet.arithmetic
  let row: Tensor = [10, 20, 30]
  print(x * 2 + row)
  print(x.matmul(row), (x.transposed().matmul(x)).shape)
  // snippet.end

  // snippet.subscripts
  print(x[0, 1...], x[..., -1], x[.stride(by: -1), 0])
  var y = x
  y[..., 0] = Tensor(0)
  print(y)
  // snippet.end

  // snippet.masks
  let isLarge = x .> 2
  print(isLarge)
  print(x[isLarge])
  print(Tensor.where(isLarge, x, 0))
  let best = x.argmax(alongAxis: 1)
  print(best, x[[1, 0, 1] as IntTensor].shape)
  // snippet.end

  // snippet.reductions
  print(x.sum().scalar, x.mean(alongAxis: 0), x.max(alongAxis: 1))
  let (top, places) = x.topK(2)
  print(top, places)
  // snippet.end

  // snippet.einsum
  let (a, b) = (Tensor.ones([4, 2, 3]), Tensor.ones([4, 3, 5]))
  print(Tensor.einsum("bij,bjk->bik", a, b).shape, a.matmul(b).shape)
  print(Tensor.stacked([x, x]).shape, Tensor.concatenated([x, x], alongAxis: 1).shape)
  print(x.split(parts: 3, alongAxis: 1).map(\.shape))
  // snippet.end

  // snippet.gradient
  let w = Tensor([[1, -1, 0.5]], dtype: .float64)
  let target = Tensor([2, 1], dtype: .float64)
  let inputs = x.converted(to: .float64)
  func loss(_ w: Tensor) -> Tensor { (inputs.matmul(w[0]) - target).square().mean() }
  print(try gradient(at: w, of: loss))
  let variable = w.variable()
  print(try gradients(of: loss(variable))[variable]!)
  // snippet.end

  // snippet.again
  let s = Tensor.ones([1, 3], dtype: .float64)
  print(try hessianVectorProduct(at: w, along: s, of: loss))
  print(try jvp(at: w, along: s, of: loss).derivative.scalar)
  // snippet.end

  // snippet.descent
  var weights = w
  for _ in 0..<1000 { weights -= 0.02 * (try gradient(at: weights, of: loss)) }
  print("loss", loss(weights).scalar < 1e-6 ? "below 1e-6" : "too large")
  // snippet.end
}
