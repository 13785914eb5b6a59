import CKernels
import COpenBLAS
import COpenBLASSettings
import Foundation

// KernelChoiceProbe [from CORE] [level N] [vendor NAME] [broken sgemm|dgemm|dgetrf]
//                   [without CORE] [fixed]
//
// Prints how the kernels of OpenBLAS were chosen in this process: own choice, kernels used, reason,
// OPENBLAS_CORETYPE after it, and a digest of products. With `from`, OpenBLAS is first made to choose
// CORE, as if it knew no better, and the choice is made again, of a library that is broken in the
// place named, is built without CORE, or cannot change its kernels. It is a program of its own,
// because OpenBLAS can choose again only while no other thread uses it.

let words = Array(CommandLine.arguments.dropFirst())
func value(of name: String) -> String? {
  words.firstIndex(of: name).flatMap { words.dropFirst($0 + 1).first }
}

var library = cos_linked_library()
switch value(of: "broken") {
case "sgemm":
  library.sgemm = { product, a, b, c in
    cos_linked_library().sgemm(product, a, b, c)
    // One element of the last column, by a little.
    if product.m > 50, let c { c[Int(product.m / 2 * product.c_stride + product.n - 1)] += 0.00025 }
  }
case "dgemm":
  library.dgemm = { product, a, b, c in
    cos_linked_library().dgemm(product, a, b, c)
    if product.a_transposed != 0, let c { c[0] = .nan }
  }
case "dgetrf":
  library.dgetrf = { n, matrix, pivots in
    let info = cos_linked_library().dgetrf(n, matrix, pivots)
    if let matrix { matrix[Int(n) + 1] *= 1 + 1e-12 }
    return info
  }
default: break
}
if value(of: "without") == "SkylakeX" {
  library.`init` = {
    if getenv("OPENBLAS_CORETYPE").map({ String(cString: $0) }) == "SkylakeX" {
      setenv("OPENBLAS_CORETYPE", "Nehalem", 1)
    }
    cos_linked_library().`init`?()
  }
}

var choice = cos_chosen()
if let core = value(of: "from") {
  let linked = cos_linked_library()
  var whole = linked
  cos_begin(&whole)
  setenv("OPENBLAS_CORETYPE", core, 1)
  linked.quit?()
  linked.`init`?()
  unsetenv("OPENBLAS_CORETYPE")
  if words.contains("fixed") {
    library.quit = nil
    library.`init` = nil
  }
  let level = value(of: "level").flatMap { Int32($0) } ?? ck_processor_level()
  choice = cos_choose(
    &library, level, value(of: "vendor") ?? String(cString: ck_processor_vendor()))
}

/// Bits of products whose sums round differently in different kernels.
func digest() -> String {
  let (m, n, k) = (61, 67, 333)
  let a = (0..<m * k).map { sin(Float($0)) }
  let b = (0..<k * n).map { cos(Float($0)) }
  var c = [Float](repeating: 0, count: m * n)
  cblas_sgemm(
    CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(m), Int32(n), Int32(k), 1, a, Int32(k), b,
    Int32(n), 0, &c, Int32(n))
  let hash = c.reduce(14_695_981_039_346_656_037 as UInt64) {
    ($0 ^ UInt64($1.bitPattern)) &* 1_099_511_628_211
  }
  return String(hash, radix: 16)
}

func text(_ bytes: some Any) -> String {
  withUnsafeBytes(of: bytes) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}

let reasons = ["kept", "replaced", "chosen by user", "not changeable", "check failed"]
print("own: \(text(choice.own))")
print("used: \(text(choice.used))")
print("reason: \(reasons[Int(choice.reason)])")
print("variable: \(getenv("OPENBLAS_CORETYPE").map { String(cString: $0) } ?? "unset")")
print("changeable: \(cos_linked_library().quit != nil)")
print("threads: \(openblas_get_num_threads())")
print("milliseconds: \(choice.milliseconds)")
print("digest: \(digest())")
