// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "Standalone",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "swift-implicit-layers", path: "../..")],
  targets: [
    .executableTarget(
      name: "Standalone",
      dependencies: [
        .product(name: "Tensors", package: "swift-implicit-layers"),
        .product(name: "ImplicitLayers", package: "swift-implicit-layers"),
        .product(name: "NeuralLayers", package: "swift-implicit-layers"),
      ])
  ]
)
