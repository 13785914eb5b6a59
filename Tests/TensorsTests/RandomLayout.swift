import Tensors

extension RandomOperator {
  static let layout: [RandomOperator] = [
    RandomOperator("broadcast") { drawn in
      let shape = drawn.shape()
      return OperatorCase("broadcast", [drawn.tensor(drawn.stretched(shape))]) {
        $0[0].broadcast(to: shape)
      }
    },
    RandomOperator("reshaped") { $0.reshaped([$0.count]) },
    RandomOperator("permuted") { drawn in
      let shape = drawn.shape()
      let keys = (0..<shape.rank).map { _ in drawn.number(0...1_000_000) }
      let order = (0..<shape.rank).sorted { (keys[$0], $0) < (keys[$1], $1) }
      return OperatorCase("permuted", [drawn.tensor(shape)]) { $0[0].permuted(order) }
    },
    RandomOperator("transposed") { drawn in
      let shape: Shape = [drawn.number(1...3), drawn.number(1...3), drawn.number(1...3)]
      return OperatorCase("transposed", [drawn.tensor(shape)]) { $0[0].transposed() }
    },
    RandomOperator("slice") { drawn in
      let shape = drawn.shape()
      let axis = drawn.number(0...shape.rank - 1)
      let start = drawn.number(0...shape[axis] - 1)
      let end = drawn.number(start + 1...shape[axis])
      return OperatorCase("slice", [drawn.tensor(shape)]) {
        $0[0].slice(start..<end, alongAxis: axis)
      }
    },
    RandomOperator("padded") { drawn in
      let shape = drawn.shape()
      let axis = drawn.number(0...shape.rank - 1)
      let (before, after) = (drawn.number(0...2), drawn.number(0...2))
      return OperatorCase("padded", [drawn.tensor(shape)]) {
        $0[0].padded(before: before, to: before + shape[axis] + after, alongAxis: axis)
      }
    },
    RandomOperator("concatenated") { drawn in
      let shape = drawn.shape()
      let axis = drawn.number(0...shape.rank - 1)
      let inputs = (0..<drawn.number(1...3)).map { _ -> Tensor in
        var part = shape
        part[axis] = drawn.number(1...3)
        return drawn.tensor(part)
      }
      return OperatorCase("concatenated", inputs) { .concatenated($0, alongAxis: axis) }
    },
    RandomOperator("selectSamples") { drawn in
      let shape = drawn.shape()
      let mask = drawn.flags(shape[0])
      let inputs = [drawn.tensor(shape), drawn.tensor(shape)]
      return OperatorCase("selectSamples", inputs) { Tensor.selectSamples(mask, $0[0], $0[1]) }
    },
    RandomOperator("keepingSamples") { drawn in
      let shape = drawn.shape()
      let mask = drawn.flags(shape[0])
      return OperatorCase("keepingSamples", [drawn.tensor(shape)]) { $0[0].keepingSamples(mask) }
    },
    RandomOperator("replacingSamples") { drawn in
      // Some of each: where all samples are replaced, the result does not depend on the first.
      let mask = [true, false] + drawn.flags(drawn.number(0...2))
      let shape = [mask.count] + drawn.shape().suffix(from: 1)
      let inputs = [drawn.tensor(shape), drawn.tensor(shape)]
      return OperatorCase("replacingSamples", inputs) {
        $0[0].replacingSamples(mask, with: $0[1])
      }
    },
    RandomOperator("scalingSamples") { drawn in
      let shape = drawn.shape()
      let factors = drawn.tensor([shape[0]]).scalars
      return OperatorCase("scalingSamples", [drawn.tensor(shape)]) {
        $0[0].scalingSamples(by: factors)
      }
    },
    RandomOperator("adding") { drawn in
      let shape = drawn.shape()
      let factors = drawn.tensor([shape[0]]).scalars
      return OperatorCase("adding", [drawn.tensor(shape), drawn.tensor(shape)]) {
        $0[0].adding($0[1], times: factors)
      }
    },
    RandomOperator("samples") { drawn in
      let shape = drawn.shape()
      let positions = (0..<drawn.number(1...5)).map { _ in drawn.number(0...shape[0] - 1) }
      return OperatorCase("samples", [drawn.tensor(shape)]) { $0[0].samples(positions) }
    },
    RandomOperator("replacing") { drawn in
      let shape = drawn.shape()
      let positions = drawn.flags(shape[0]).enumerated().filter(\.element).map(\.offset)
      let other = drawn.tensor([positions.count] + shape.suffix(from: 1))
      return OperatorCase("replacing", [drawn.tensor(shape), other]) {
        $0[0].replacing(positions, $0[1])
      }
    },
    RandomOperator("rows") { drawn in
      let table: Shape = [drawn.number(1...4), drawn.number(1...4)]
      let leading: Shape = [drawn.number(1...2), drawn.number(1...3)]
      let ids = drawn.positions(leading, below: table[0])
      return OperatorCase("rows", [drawn.tensor(table)]) { $0[0].rows(ids) }
    },
    RandomOperator("pixelShuffled") { drawn in
      let shape: Shape = [
        drawn.number(1...2), drawn.number(1...3), drawn.number(1...3), 4 * drawn.number(1...2),
      ]
      return OperatorCase("pixelShuffled", [drawn.tensor(shape)]) { $0[0].pixelShuffled() }
    },
  ]
}
