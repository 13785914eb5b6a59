import Tensors

/// The assignment of rows to columns with the largest total weight (Kuhn 1955; Jonker and Volgenant
/// 1987: shortest augmenting paths).
///
/// - Parameter weights: a matrix of weights, row by row; all rows have the same length.
/// - Returns: the column of each row. If there are more rows than columns, the rows that are left
///   over get nil.
/// - Complexity: O(n^2 m) for n = min(rows, columns), m = max(rows, columns).
func bestAssignment(_ weights: [[Double]]) -> [Int?] {
  let (rows, columns) = (weights.count, weights.first?.count ?? 0)
  guard rows > 0, columns > 0 else { return [Int?](repeating: nil, count: rows) }
  guard rows <= columns else {
    let transposed = (0..<columns).map { column in weights.map { $0[column] } }
    var result = [Int?](repeating: nil, count: rows)
    for (column, row) in bestAssignment(transposed).enumerated() {
      if let row { result[row] = column }
    }
    return result
  }
  // The costs are -weights. The duals u of rows and v of columns keep cost - u - v >= 0, with
  // equality on the assignment. Position 0 stands for "none".
  var u = [Double](repeating: 0, count: rows + 1)
  var v = [Double](repeating: 0, count: columns + 1)
  var rowOf = [Int](repeating: 0, count: columns + 1)
  for row in 1...rows {
    // Dijkstra's search from the row to the nearest free column.
    var previous = [Int](repeating: 0, count: columns + 1)
    var distance = [Double](repeating: .infinity, count: columns + 1)
    var isReached = [Bool](repeating: false, count: columns + 1)
    rowOf[0] = row
    var column = 0
    repeat {
      isReached[column] = true
      let from = rowOf[column]
      var (step, next) = (Double.infinity, 0)
      for other in 1...columns where !isReached[other] {
        let reduced = -weights[from - 1][other - 1] - u[from] - v[other]
        if reduced < distance[other] { (distance[other], previous[other]) = (reduced, column) }
        if distance[other] < step { (step, next) = (distance[other], other) }
      }
      for other in 0...columns {
        if isReached[other] {
          u[rowOf[other]] += step
          v[other] -= step
        } else {
          distance[other] -= step
        }
      }
      column = next
    } while rowOf[column] != 0
    // Along the path, every column passes its row on to the next one.
    while column != 0 {
      rowOf[column] = rowOf[previous[column]]
      column = previous[column]
    }
  }
  var result = [Int?](repeating: nil, count: rows)
  for column in 1...columns where rowOf[column] > 0 { result[rowOf[column] - 1] = column - 1 }
  return result
}
