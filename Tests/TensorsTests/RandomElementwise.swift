import Tensors
import TestSupport

extension RandomOperator {
  static let elementwise: [RandomOperator] = [
    RandomOperator("+", ofPair: +), RandomOperator("-", ofPair: -),
    RandomOperator("*", ofPair: *), RandomOperator("/", offset: 2, ofPair: /),
    RandomOperator("affine") { $0.affine(scale: 0.7, offset: -0.2) },
    RandomOperator("exp") { $0.exp() }, RandomOperator("log", offset: 2) { $0.log() },
    RandomOperator("sqrt", offset: 2) { $0.sqrt() }, RandomOperator("tanh") { $0.tanh() },
    RandomOperator("sigmoid") { $0.sigmoid() }, RandomOperator("relu") { $0.relu() },
    RandomOperator("abs") { $0.abs() }, RandomOperator("sin") { $0.sin() },
    RandomOperator("cos") { $0.cos() }, RandomOperator("square") { $0.square() },
    RandomOperator("sum") { $0.sum() }, RandomOperator("mean") { $0.mean() },
    RandomOperator("softmax") { $0.softmax() }, RandomOperator("logSoftmax") { $0.logSoftmax() },
    RandomOperator("gumbelSoftmax") { x in
      x.gumbelSoftmax(noise: testTensor(x.shape, seed: 3), temperature: 0.8)
    },
    RandomOperator("dropout") { x in
      var generator = Philox(seed: 5)
      return x.dropout(0.4, using: &generator)
    },
    RandomOperator("sum") { drawn in
      let shape = drawn.shape()
      let (axis, kept) = (drawn.number(0...shape.rank - 1), drawn.flag())
      return OperatorCase("sum", [drawn.tensor(shape)]) {
        $0[0].sum(alongAxis: axis, keepingAxis: kept)
      }
    },
    RandomOperator("mean") { drawn in
      let shape = drawn.shape()
      let (axis, kept) = (drawn.number(0...shape.rank - 1), drawn.flag())
      return OperatorCase("mean", [drawn.tensor(shape)]) {
        $0[0].mean(alongAxis: axis, keepingAxis: kept)
      }
    },
    RandomOperator("summed") { drawn in
      let shape = drawn.shape()
      let target = drawn.stretched(shape)
      return OperatorCase("summed", [drawn.tensor(shape)]) { $0[0].summed(to: target) }
    },
  ]
}
