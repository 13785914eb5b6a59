import ImplicitLayers
import Tensors

// d/da of the solution of z = cos(a z), from outside of the package.
let a = Tensor([1], shape: [1, 1], dtype: .float64).variable()
let z = try fixedPoint(from: a.detached()) { z in (z * a).cos() }
print("z = \(z.scalars[0]), dz/da = \(try gradients(of: z)[a]!.scalars[0])")
