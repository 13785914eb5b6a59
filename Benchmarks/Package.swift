// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "swift-implicit-layers", path: "..")],
  targets: [
    .executableTarget(
      name: "benchmarks",
      dependencies: [
        .product(name: "Tensors", package: "swift-implicit-layers"),
        .product(name: "ImplicitLayers", package: "swift-implicit-layers"),
        .product(name: "NeuralLayers", package: "swift-implicit-layers"),
        .product(name: "Training", package: "swift-implicit-layers"),
        .product(name: "Images", package: "swift-implicit-layers"),
        .product(name: "ObjectCentric", package: "swift-implicit-layers"),
      ])
  ],
  swiftLanguageModes: [.v6]
)
