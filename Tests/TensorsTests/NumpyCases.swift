import Tensors

/// An operator at what is drawn, in the order of make_numpy_answers.py.
struct NumpyCase: Sendable {
  let name: String
  let result: @Sendable (inout NumpyDraw) -> Tensor

  private init(_ name: String, _ result: @escaping @Sendable (inout NumpyDraw) -> Tensor) {
    (self.name, self.result) = (name, result)
  }

  private static func unary(
    _ name: String, _ low: Int = -16, _ high: Int = 16, _ f: @escaping @Sendable (Tensor) -> Tensor
  ) -> NumpyCase {
    NumpyCase(name) { draw in f(draw.tensor(draw.shape(), low, high)) }
  }

  private static func binary(
    _ name: String, _ low: Int = -16, _ high: Int = 16,
    _ f: @escaping @Sendable (Tensor, Tensor) -> Tensor
  ) -> NumpyCase {
    NumpyCase(name) { draw in
      let shape = draw.shape()
      let a = draw.tensor(draw.stretched(shape))
      return f(a, draw.tensor(draw.stretched(shape), low, high))
    }
  }

  private static func compared(
    _ name: String, _ f: @escaping @Sendable (Tensor, Tensor) -> BoolTensor
  ) -> NumpyCase {
    binary(name) { f($0, $1).converted(to: .float64) }
  }

  private static func ofAxis(
    _ name: String, _ least: Int = 0, _ f: @escaping @Sendable (Tensor, Int, Bool) -> Tensor
  ) -> NumpyCase {
    NumpyCase(name) { draw in
      let shape = draw.shape(least, ranks: 1...4)
      let axis = draw.axis(shape)
      let x = draw.tensor(shape)
      return f(x, axis, draw.flag())
    }
  }

  private static func ofAxes(
    _ name: String, _ least: Int = 0, _ f: @escaping @Sendable (Tensor, [Int], Bool) -> Tensor
  ) -> NumpyCase {
    NumpyCase(name) { draw in
      let shape = draw.shape(least)
      let axes = draw.axes(shape)
      let x = draw.tensor(shape)
      return f(x, axes, draw.flag())
    }
  }

  private static func joined(
    _ name: String, _ f: @escaping @Sendable ([Tensor], Int) -> Tensor
  ) -> NumpyCase {
    NumpyCase(name) { draw in
      let shape = draw.shape(0, ranks: 1...3)
      let axis = draw.axis(shape)
      return f((0..<draw.number(1, 3)).map { _ in draw.tensor(shape) }, axis)
    }
  }

  private static func moved(
    _ name: String, _ f: @escaping @Sendable (Tensor, inout NumpyDraw) -> Tensor
  ) -> NumpyCase {
    NumpyCase(name) { draw in
      let x = draw.tensor(draw.shape(0, ranks: 1...4))
      return f(x, &draw)
    }
  }

  private static func einsum(
    _ name: String, of terms: [String],
    _ f: @escaping @Sendable ([Tensor]) -> Tensor
  ) -> NumpyCase {
    NumpyCase(name) { draw in
      var extents: [Character: Int] = [:]
      for letter in Set(terms.joined()).sorted() { extents[letter] = draw.number(1, 4) }
      return f(terms.map { draw.tensor(Shape($0.map { extents[$0] ?? 1 })) })
    }
  }
}

extension NumpyCase {
  static let all = elementwise + functions + reductions + rows + indexing + products + layout

  private static let elementwise: [NumpyCase] = [
    binary("+") { $0 + $1 }, binary("-") { $0 - $1 }, binary("*") { $0 * $1 },
    binary("/", 4, 24) { $0 / $1 },
    unary("numbers") { x in 2 / (3 - (0.5 * x - 1) / 4) },
    binary("maximum") { .maximum($0, $1) }, binary("minimum") { .minimum($0, $1) },
    binary("pow", 4, 24) { $1.pow($0) }, unary("pow number", 1, 24) { $0.pow(1.5) },
    binary("atan2") { .atan2($0, $1) }, compared("less") { $0 .< $1 },
    compared("less equal") { $0 .<= $1 }, compared("greater") { $0 .> $1 },
    compared("greater equal") { $0 .>= $1 }, compared("equal") { $0 .== $1 },
    compared("not equal") { $0 .!= $1 },
    NumpyCase("where") { draw in
      let shape = draw.shape()
      let mask = draw.mask(draw.stretched(shape))
      let a = draw.tensor(draw.stretched(shape))
      return .where(mask, a, draw.tensor(draw.stretched(shape)))
    },
  ]

  private static let functions: [NumpyCase] = [
    unary("exp") { $0.exp() }, unary("log", 1, 32) { $0.log() },
    unary("sqrt", 0, 32) { $0.sqrt() }, unary("tanh") { $0.tanh() },
    unary("sigmoid") { $0.sigmoid() }, unary("relu") { $0.relu() }, unary("sin") { $0.sin() },
    unary("cos") { $0.cos() }, unary("tan", -8, 8) { $0.tan() },
    unary("asin", -8, 8) { $0.asin() }, unary("acos", -8, 8) { $0.acos() },
    unary("atan") { $0.atan() }, unary("sinh") { $0.sinh() }, unary("cosh") { $0.cosh() },
    unary("asinh") { $0.asinh() }, unary("acosh", 8, 32) { $0.acosh() },
    unary("atanh", -7, 7) { $0.atanh() }, unary("expm1") { $0.expm1() },
    unary("log1p", -7, 24) { $0.log1p() }, unary("exp2") { $0.exp2() },
    unary("log2", 1, 32) { $0.log2() }, unary("log10", 1, 32) { $0.log10() },
    unary("erf") { $0.erf() }, unary("reciprocal", 1, 16) { $0.reciprocal() },
    unary("rsqrt", 1, 16) { $0.rsqrt() }, unary("softplus") { $0.softplus() },
    unary("square") { $0.square() }, unary("abs") { $0.abs() }, unary("sign") { $0.sign() },
    unary("floor") { $0.floor() }, unary("ceil") { $0.ceil() }, unary("trunc") { $0.trunc() },
    unary("round") { $0.round() }, unary("clamped") { $0.clamped(to: -0.5...1) },
    unary("negative") { -$0 },
  ]

  private static let reductions: [NumpyCase] = [
    ofAxes("sum") { $0.sum(alongAxes: $1, keepingAxes: $2) },
    ofAxis("sum axis") { $0.sum(alongAxis: $1, keepingAxis: $2) },
    ofAxes("mean", 1) { $0.mean(alongAxes: $1, keepingAxes: $2) },
    ofAxes("variance", 1) { $0.variance(alongAxes: $1, keepingAxes: $2) },
    ofAxis("standard deviation", 1) { $0.standardDeviation(alongAxis: $1, keepingAxis: $2) },
    ofAxes("max", 1) { $0.max(alongAxes: $1, keepingAxes: $2) },
    ofAxis("min axis", 1) { $0.min(alongAxis: $1, keepingAxis: $2) },
    ofAxis("argmax", 1) { $0.argmax(alongAxis: $1, keepingAxis: $2).converted(to: .float64) },
    ofAxis("argmin", 1) { $0.argmin(alongAxis: $1, keepingAxis: $2).converted(to: .float64) },
    ofAxes("logSumExp", 1) { $0.logSumExp(alongAxes: $1, keepingAxes: $2) },
    ofAxis("product") { $0.product(alongAxis: $1, keepingAxis: $2) },
    ofAxis("cumulativeSum") { $0.cumulativeSum(alongAxis: $1, reversed: $2) },
    ofAxis("sorted") { $0.sorted(alongAxis: $1, descending: $2) },
    ofAxis("argsort") { $0.argsort(alongAxis: $1, descending: $2).converted(to: .float64) },
    ofAxis("topK", 1) { x, axis, _ in x.topK(min(2, x.shape[axis]), alongAxis: axis).values },
  ]

  private static let rows: [NumpyCase] = [
    NumpyCase("softmax") { draw in draw.tensor(draw.shape(1, ranks: 1...3)).softmax() },
    NumpyCase("logSoftmax") { draw in draw.tensor(draw.shape(1, ranks: 1...3)).logSoftmax() },
  ]

  private static let indexing: [NumpyCase] = [
    NumpyCase("subscript") { draw in
      let (shape, indices) = draw.selection()
      return draw.tensor(shape).selecting(indices)
    },
    NumpyCase("updating") { draw in
      let (shape, indices) = draw.selection()
      let x = draw.tensor(shape)
      let part = x.selecting(indices).shape
      return x.updating(indices, with: draw.tensor(draw.stretched(part)))
    },
    NumpyCase("adding") { draw in
      let shape = draw.shape(1, ranks: 1...3)
      let picks = draw.positions(draw.shape(1, ranks: 1...2), below: shape[0])
      let x = draw.tensor(shape)
      return x.updating([picks], adding: draw.tensor(picks.shape + shape.suffix(from: 1)))
    },
    NumpyCase("gathered") { draw in
      let shape = draw.shape(1, ranks: 1...3)
      let axis = draw.axis(shape)
      let picks = draw.positions(draw.shape(0, ranks: 0...2), below: shape[axis])
      return draw.tensor(shape).gathered(picks, alongAxis: axis)
    },
    NumpyCase("elements") { draw in
      let shape = draw.shape(1, ranks: 1...4)
      let axis = draw.axis(shape)
      let x = draw.tensor(shape)
      var wanted = shape
      wanted[axis] = draw.number(1, 4)
      return x.elements(at: draw.positions(wanted, below: shape[axis]), alongAxis: axis)
    },
    NumpyCase("two index tensors") { draw in
      let shape = draw.shape(1, rank: 3)
      let apart = draw.flag()
      let first = draw.positions([draw.number(1, 3), 1], below: shape[0])
      let second = draw.positions([draw.number(1, 3)], below: shape[apart ? 2 : 1])
      let x = draw.tensor(shape)
      return apart ? x[first, .all, second] : x[first, second]
    },
    NumpyCase("mask") { draw in
      let shape = draw.shape(0, ranks: 1...4)
      let mask = draw.mask(shape.prefix(draw.number(1, shape.rank)))
      return draw.tensor(shape)[mask]
    },
    joined("concatenated") { .concatenated($0, alongAxis: $1) },
    joined("stacked") { .stacked($0, alongAxis: $1) },
  ]

  private static let products: [NumpyCase] = [
    NumpyCase("matmul") { draw in
      let lead = draw.shape(0, ranks: 0...2)
      let (m, k, n) = (draw.number(0, 4), draw.number(0, 4), draw.number(1, 4))
      let a = draw.tensor(draw.stretched(lead) + [m, k])
      return a.matmul(draw.tensor(draw.stretched(lead) + [k, n]))
    },
    NumpyCase("matmul vector") { draw in
      let lead = draw.shape(0, ranks: 0...2)
      let (k, m) = (draw.number(1, 4), draw.number(1, 4))
      let v = draw.tensor([k])
      return draw.flag()
        ? v.matmul(draw.tensor(lead + [k, m])) : draw.tensor(lead + [m, k]).matmul(v)
    },
    NumpyCase("linear") { draw in
      let x = draw.tensor(draw.shape(0, ranks: 0...2) + [3])
      let w = draw.tensor([draw.number(1, 4), 3])
      return x.linear(w, bias: draw.tensor([w.shape[0]]))
    },
    NumpyCase("layerNorm") { draw in
      let x = draw.tensor(draw.shape(1, ranks: 0...2) + [4])
      let gain = draw.tensor([4])
      return x.layerNorm(gain: gain, bias: draw.tensor([4]))
    },
    NumpyCase("crossEntropy") { draw in
      let lead = draw.shape(1, ranks: 0...2)
      let x = draw.tensor(lead + [draw.number(1, 4)])
      let targets = draw.positions(lead, below: x.shape[-1]).remainder(by: x.shape[-1])
      return x.crossEntropy(targets: targets)
    },
    einsum("einsum product", of: ["bij", "jk"]) {
      .einsum("bij,jk->bki", $0[0], $0[1])
    },
    einsum("einsum trace", of: ["iji"]) { .einsum("iji->j", $0[0]) },
    einsum("einsum elementwise", of: ["ij", "ji"]) {
      .einsum("ij,ji->ij", $0[0], $0[1])
    },
    einsum("einsum outer", of: ["i", "jk"]) { .einsum("i,jk->kij", $0[0], $0[1]) },
    einsum("einsum implicit", of: ["ab", "bc", "cd"]) {
      .einsum("ab,bc,cd", $0[0], $0[1], $0[2])
    },
    einsum("einsum sum", of: ["abc", "bd"]) { .einsum("abc,bd->", $0[0], $0[1]) },
  ]

  private static let layout: [NumpyCase] = [
    moved("reshaped") { x, _ in x.reshaped([x.count, 1]) },
    moved("permuted") { x, draw in x.permuted(draw.permutation(x.rank)) },
    moved("swappedAxes") { x, draw in x.swappedAxes(draw.axis(x.shape), draw.axis(x.shape)) },
    moved("movedAxis") { x, draw in
      x.movedAxis(from: draw.axis(x.shape), to: draw.axis(x.shape))
    },
    moved("expandedDimensions") { x, draw in
      x.expandedDimensions(at: draw.number(-x.rank - 1, x.rank))
    },
    moved("squeezed") { x, _ in x.squeezed() },
    moved("flipped") { x, draw in x.flipped(alongAxis: draw.axis(x.shape)) },
    moved("rolled") { x, draw in x.rolled(by: draw.number(-5, 5), alongAxis: draw.axis(x.shape)) },
    moved("repeated") { x, draw in
      x.repeated(draw.number(0, 3), alongAxis: draw.axis(x.shape))
    },
    moved("tiled") { x, draw in x.tiled((0..<draw.number(1, 4)).map { _ in draw.number(0, 2) }) },
    moved("broadcast") { x, _ in x.broadcast(to: [2] + x.shape) },
    moved("padded") { x, draw in
      let axis = draw.axis(x.shape)
      let before = draw.number(0, 2)
      return x.padded(
        before: before, to: before + x.shape[axis] + draw.number(0, 2), alongAxis: axis)
    },
    NumpyCase("lowerTriangle") { draw in
      let x = draw.tensor(draw.shape(0, ranks: 2...3))
      return x.lowerTriangle(diagonal: draw.number(-2, 2))
    },
    NumpyCase("upperTriangle") { draw in
      let x = draw.tensor(draw.shape(0, ranks: 2...3))
      return x.upperTriangle(diagonal: draw.number(-2, 2))
    },
    NumpyCase("diagonal") { draw in
      let n = draw.number(1, 4)
      return draw.tensor([n, draw.number(0, 3), n]).diagonal(0, 2)
    },
    NumpyCase("split") { draw in
      let shape = draw.shape(0, ranks: 1...3)
      let parts = draw.tensor([2 * shape[0]] + shape.suffix(from: 1)).split(parts: 2)
      return parts[1] - parts[0]
    },
  ]
}
