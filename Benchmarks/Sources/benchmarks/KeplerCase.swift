import ImplicitLayers
import Tensors

/// Kepler's equation E = M + e sin E for a batch of orbits, e up to .9, by plain iteration from M until
/// |M + e sin E - E| <= 1e-5, each orbit until it has converged itself; and dE/dM and dE/de.
///
/// - Parameter batch: the number of orbits.
/// - Returns: the case.
/// - Throws: what the solves throw.
func kepler(batch: Int) throws -> Case {
  let (tolerance, limit) = (1e-5, 300)
  var generator = Philox(seed: 43)
  let anomalies = Tensor.uniform([batch, 1], using: &generator) * 6.25
  let eccentricities = Tensor.uniform([batch, 1], using: &generator) * 0.9

  @Sendable func work(_ range: Range<Int>, tolerance: Double) throws -> [Tensor] {
    let (m, e) = (anomalies.slice(range).variable(), eccentricities.slice(range).variable())
    let map = FixedPointMap({ z in m + e * z.sin() }) { positions in
      let (someM, someE) = (m.samples(positions), e.samples(positions))
      return { z in someM + someE * z.sin() }
    }
    let z = try ExactAdjoint().solution(
      of: map, from: m.detached(), using: .picard(),
      until: .tolerance(relative: 0, absolute: tolerance, limit: limit)
    ).value
    let table = try gradients(of: z.sum())
    return [z.detached(), table[m] ?? m.zerosLike(), table[e] ?? e.zerosLike()]
  }

  return Case {
    var exchange = Exchange()
    exchange.settings = ["tolerance": "\(tolerance)", "limit": "\(limit)"]
    exchange.add("in.m", anomalies)
    exchange.add("in.e", eccentricities)
    let found = try work(0..<batch, tolerance: 1e-6)
    exchange.add("out.z", found[0])
    exchange.add("out.grad.m", found[1])
    exchange.add("out.grad.e", found[2])
    return exchange
  } round: {
    _ = try Workers.mapRanges(of: batch) { try work($0, tolerance: tolerance) }
  }
}
