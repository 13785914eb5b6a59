/// Names of which no two are the same.
///
/// A name that occurs once stays as it is. One that occurs several times is numbered each time, and
/// again where that is a name already.
///
/// ```swift
/// distinct(["a", "b", "a", "a-1"]) { "\($0)-\($1.ordinal)" }  // ["a-1-1", "b", "a-2", "a-1"]
/// ```
///
/// - Parameters:
///   - names: the names.
///   - numbered: adds a number to a name: the position among all names, from 0, or the ordinal
///     among those that are the same, from 1.
/// - Returns: as many names, in the same order.
func distinct(
  _ names: [String],
  numbered: (_ name: String, _ place: (position: Int, ordinal: Int)) -> String
) -> [String] {
  var (taken, ordinals) = (Set(names), [String: Int]())
  return names.enumerated().map { position, name in
    guard names.count(where: { $0 == name }) > 1 else { return name }
    ordinals[name, default: 0] += 1
    let place = (position, ordinals[name, default: 1])
    var result = name
    repeat { result = numbered(result, place) } while !taken.insert(result).inserted
    return result
  }
}
