import Foundation

/// Where the package manager puts the programs that tests run: beside the test bundle.
public let builtPrograms: URL = {
  let bundle = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") } ?? .main
  return bundle.bundlePath.hasSuffix(".xctest")
    ? bundle.bundleURL.deletingLastPathComponent()
    : URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
}()
