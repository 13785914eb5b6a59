import Foundation
import Tensors
import TestSupport
import Testing

@testable import Training

@Suite struct SafetensorsReadingTests {
  private func fixture() throws -> SafetensorsFile {
    let url = try #require(
      Bundle.module.url(forResource: "Fixtures/every_type", withExtension: "safetensors"))
    return try SafetensorsFile(contentsOf: url)
  }

  private static let reals = [0, -1.5, 0x1p-20, 65504, Double.infinity, 3]
  private static let wholes = [0, -7, 1, Double(Int32.max), Double(Int32.min), 40]

  /// Python's reader and ours agree on what its writer wrote; integers become float32.
  @Test("every type of a file that Python wrote")
  func everyType() throws {
    let file = try fixture()
    let expected: [(String, DType, [Double])] = [
      ("F64", .float64, Self.reals), ("F32", .float32, Self.reals),
      // 2^-20 is a denormal half; 65504 has no bfloat16, whose nearest is 65536.
      ("F16", .float32, Self.reals),
      ("BF16", .float32, [0, -1.5, 0x1p-20, 65536, .infinity, 3]),
      ("I64", .float32, Self.wholes.map { Double(Float($0)) }),
      ("I32", .float32, Self.wholes.map { Double(Float($0)) }),
      ("U8", .float32, [0, 255, 1, 2, 128, 40]), ("BOOL", .float32, [0, 1, 1, 0, 0, 1]),
    ]
    for (name, dtype, numbers) in expected {
      let tensor = try file.tensor(name)
      #expect(tensor.shape == [2, 3], "\(name)")
      #expect(tensor.dtype == dtype, "\(name)")
      #expect(tensor.scalars == numbers, "\(name)")
      #expect(file[name]?.type.rawValue == name)
    }
    #expect(try file.tensor("scalar \"ü\" 🙂").shape == [])
    #expect(try file.tensor("scalar \"ü\" 🙂").scalar == 4.25)
    #expect(try file.tensor("empty").shape == [0, 5])
    #expect(file.entries.count == 10)
    #expect(file.metadata == ["format": "pt", "quote\"\\\n": "ü\t🙂"])
  }

  /// All 65,536 halves: signs, denormals, infinities and NaN.
  @Test func everyHalf() throws {
    var data = safetensors(
      #"{"h":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}}"#, dataCount: 0)
    for pattern in UInt16.min...UInt16.max {
      withUnsafeBytes(of: pattern.littleEndian) { data.append(contentsOf: $0) }
    }
    let numbers = try SafetensorsFile(data, path: "halves").tensor("h").scalars
    for (pattern, number) in numbers.enumerated() {
      let exponent = pattern >> 10 & 31
      let fraction = Double(pattern & 1023) / 1024
      let magnitude: Double =
        switch exponent {
        case 0: fraction * 0x1p-14
        case 31: fraction == 0 ? .infinity : .nan
        default: (1 + fraction) * Double(sign: .plus, exponent: exponent - 15, significand: 1)
        }
      if magnitude.isNaN {
        #expect(number.isNaN)
      } else {
        #expect(number == (pattern < 0x8000 ? magnitude : -magnitude))
      }
    }
  }

  @Test func nothingIsAssumedAboutAlignment() throws {
    let header =
      #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"#
      + #""b":{"dtype":"F64","shape":[1],"data_offsets":[1,9]}}"#
    var data = safetensors(header + " ", dataCount: 0)
    data.append(7)
    withUnsafeBytes(of: (2.5).bitPattern.littleEndian) { data.append(contentsOf: $0) }
    #expect(try SafetensorsFile(data, path: "odd").tensor("b").scalar == 2.5)
    // A slice whose first index is not 0.
    let slice = (Data([1, 2, 3]) + data).dropFirst(3)
    #expect(try SafetensorsFile(slice, path: "slice").tensor("b").scalar == 2.5)
  }

  @Test func spaceAndEscapesOfJSON() throws {
    let header =
      "{ \"\\u00fc\\ud83d\\ude42\\/\\b\" :\n{\"shape\":[ ] , \"data_offsets\":[0,\t4],"
      + "\"dtype\":\"F32\"}\r\n}   "
    let file = try SafetensorsFile(safetensors(header, dataCount: 4), path: "spaces")
    #expect(file.entries.map(\.name) == ["ü🙂/\u{8}"])
  }

  @Test func aMissingFileAndAMissingTensor() throws {
    let missing = URL(filePath: "/nonexistent/file.safetensors")
    let error = try #require(throws: SafetensorsError.self) {
      try SafetensorsFile(contentsOf: missing)
    }
    #expect(error.description.hasPrefix("/nonexistent/file.safetensors: it cannot be read"))
    let other = try #require(throws: SafetensorsError.self) { try fixture().tensor("absent") }
    #expect(other.description.contains("every_type.safetensors: it has no tensor 'absent'"))
  }
}
