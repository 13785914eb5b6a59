// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "swift-implicit-layers",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Tensors", targets: ["Tensors"]),
    .library(name: "Solvers", targets: ["Solvers"]),
    .library(name: "ImplicitLayers", targets: ["ImplicitLayers"]),
    .library(name: "ConformanceChecks", targets: ["ConformanceChecks"]),
    .library(name: "EstimatorComparison", targets: ["EstimatorComparison"]),
    .library(name: "NeuralLayers", targets: ["NeuralLayers"]),
    .library(name: "DataLoading", targets: ["DataLoading"]),
    .library(name: "ImplicitModels", targets: ["ImplicitModels"]),
    .library(name: "Training", targets: ["Training"]),
    .library(name: "Collectives", targets: ["Collectives"]),
    .library(name: "Images", targets: ["Images"]),
    .library(name: "ObjectCentric", targets: ["ObjectCentric"]),
    .executable(name: "slate", targets: ["slate"]),
  ],
  traits: [
    .trait(name: "HDF5", description: "Reads the 3D Shapes data set; needs libhdf5."),
    .trait(name: "MPI", description: "Runs on several machines; needs Open MPI or MPICH."),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev", "liblapacke-dev"]), .brew(["openblas"])]),
    .systemLibrary(
      name: "CPNG", pkgConfig: "libpng",
      providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
    .systemLibrary(
      name: "CJPEG", pkgConfig: "libjpeg",
      providers: [.apt(["libjpeg-dev"]), .brew(["jpeg-turbo"])]),
    .systemLibrary(
      name: "CHDF5", pkgConfig: "hdf5",
      providers: [.apt(["libhdf5-dev"]), .brew(["hdf5"])]),
    .systemLibrary(
      name: "CMPI", pkgConfig: "mpi",
      providers: [.apt(["libopenmpi-dev"]), .brew(["open-mpi"])]),
    .target(name: "CKernels", linkerSettings: [.linkedLibrary("m")]),
    .target(
      name: "COpenBLASSettings", dependencies: ["COpenBLAS", "CKernels"],
      linkerSettings: [.linkedLibrary("lapacke")]),

    .target(name: "Tensors", dependencies: ["COpenBLAS", "COpenBLASSettings", "CKernels"]),
    .target(name: "Solvers", dependencies: ["Tensors"]),
    .target(name: "ImplicitLayers", dependencies: ["Solvers", "Tensors"]),
    .target(
      name: "ConformanceChecks", dependencies: ["ImplicitLayers", "NeuralLayers", "Tensors"]),
    .target(name: "NeuralLayers", dependencies: ["Tensors"]),
    .target(name: "DataLoading", dependencies: ["Tensors"]),
    .target(
      name: "ImplicitModels", dependencies: ["ImplicitLayers", "NeuralLayers", "Tensors"]),
    .target(name: "FileReading"),
    .target(name: "Training", dependencies: ["FileReading", "NeuralLayers", "Tensors"]),
    .target(
      name: "Collectives",
      dependencies: [
        "NeuralLayers", "Tensors", "CKernels",
        .target(name: "CMPI", condition: .when(traits: ["MPI"])),
      ]),
    .target(name: "CImageCodecs", dependencies: ["CJPEG", "CPNG"]),
    .target(name: "CProcess"),
    .target(name: "Images", dependencies: ["CImageCodecs", "FileReading"]),
    .target(name: "EstimatorComparison", dependencies: ["ImplicitLayers", "Images", "Tensors"]),
    .target(
      name: "ObjectCentric",
      dependencies: [
        "DataLoading", "FileReading", "ImplicitLayers", "NeuralLayers", "Tensors", "Images",
        .target(name: "CHDF5", condition: .when(traits: ["HDF5"])),
      ]),
    .executableTarget(
      name: "slate",
      dependencies: [
        "CProcess", "Collectives", "DataLoading", "FileReading", "ObjectCentric",
        "ImplicitLayers", "NeuralLayers", "Training", "Images", "Tensors", "EstimatorComparison",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .executableTarget(
      name: "CustomSolver", dependencies: ["ConformanceChecks", "ImplicitLayers", "Tensors"],
      path: "Examples/CustomSolver"),
    .executableTarget(
      name: "CustomEstimator", dependencies: ["ConformanceChecks", "ImplicitLayers", "Tensors"],
      path: "Examples/CustomEstimator"),
    .executableTarget(
      name: "CustomCell", dependencies: ["ImplicitLayers", "NeuralLayers", "Training", "Tensors"],
      path: "Examples/CustomCell"),
    .executableTarget(
      name: "Digits",
      dependencies: [
        "DataLoading", "Images", "ImplicitLayers", "NeuralLayers", "Tensors", "Training",
      ],
      path: "Examples/Digits", exclude: ["make_digits.py"], resources: [.copy("Data")]),
    .executableTarget(
      name: "BuildAModel",
      dependencies: ["ImplicitLayers", "ImplicitModels", "NeuralLayers", "Tensors", "Training"],
      path: "Examples/BuildAModel"),
    .executableTarget(
      name: "DataParallelTraining",
      dependencies: ["Collectives", "NeuralLayers", "Tensors", "Training"],
      path: "Examples/DataParallelTraining"),
    .executableTarget(
      name: "ShardedDiffusion", dependencies: ["Collectives", "ImplicitLayers", "Tensors"],
      path: "Examples/ShardedDiffusion"),
    .executableTarget(
      name: "TensorTour", dependencies: ["ConformanceChecks", "ImplicitLayers", "Tensors"],
      path: "Examples/TensorTour"),
    .executableTarget(
      name: "Kepler", dependencies: ["ImplicitLayers", "Tensors"], path: "Examples/Kepler"),
    .executableTarget(
      name: "Equations", dependencies: ["ImplicitLayers", "Tensors"], path: "Examples/Equations"),
    .executableTarget(
      name: "RidgePenalty", dependencies: ["ImplicitLayers", "Tensors"],
      path: "Examples/RidgePenalty"),
    .executableTarget(
      name: "EquilibriumHessian", dependencies: ["ImplicitLayers", "Tensors"],
      path: "Examples/EquilibriumHessian"),
    .executableTarget(
      name: "Translations",
      dependencies: ["ImplicitLayers", "NeuralLayers", "Tensors", "Training"],
      path: "Examples/Translations"),
    .executableTarget(
      name: "Portfolio", dependencies: ["ImplicitLayers", "Tensors"], path: "Examples/Portfolio"),
    .executableTarget(
      name: "Sinkhorn", dependencies: ["EstimatorComparison", "ImplicitLayers", "Tensors"],
      path: "Examples/Sinkhorn"),
    .executableTarget(
      name: "PageRank", dependencies: ["EstimatorComparison", "ImplicitLayers", "Tensors"],
      path: "Examples/PageRank"),
    .executableTarget(
      name: "SlotAttention",
      dependencies: [
        "EstimatorComparison", "Images", "ImplicitLayers", "NeuralLayers", "ObjectCentric",
        "Tensors", "Training",
      ],
      path: "Examples/SlotAttention"),
    .executableTarget(
      name: "CompareEstimators",
      dependencies: [
        "EstimatorComparison", "Images", "ImplicitLayers", "NeuralLayers", "ObjectCentric",
        "Tensors",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Examples/CompareEstimators"),
    .executableTarget(
      name: "FixedPoint",
      dependencies: ["ConformanceChecks", "ImplicitLayers", "NeuralLayers", "Tensors"],
      path: "Examples/FixedPoint"),

    .target(name: "TestFolders", path: "Tests/TestFolders"),
    .target(name: "AllocationPeak", path: "Tests/AllocationPeak"),
    .target(
      name: "TestSupport", dependencies: ["Tensors", "ImplicitLayers"], path: "Tests/TestSupport"),
    .executableTarget(
      name: "PublishedTable", dependencies: ["TestSupport", "ImplicitLayers"],
      path: "Tests/PublishedTable"),
    .target(
      name: "RandomCells", dependencies: ["Tensors", "ImplicitLayers", "TestSupport"],
      path: "Tests/RandomCells"),
    .executableTarget(
      name: "SweepRandomCells",
      dependencies: [
        "RandomCells", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Tests/SweepRandomCells"),
    .testTarget(name: "CKernelsTests", dependencies: ["CKernels", "TestFolders"]),
    .executableTarget(
      name: "KernelChoiceProbe", dependencies: ["CKernels", "COpenBLAS", "COpenBLASSettings"],
      path: "Tests/KernelChoiceProbe"),
    .testTarget(
      name: "TensorsTests",
      dependencies: [
        "Tensors", "TestFolders", "TestSupport", "CKernels", "COpenBLAS", "KernelChoiceProbe",
      ], exclude: ["Fixtures"]),
    .testTarget(
      name: "ImplicitLayersTests",
      dependencies: [
        "ConformanceChecks", "ImplicitLayers", "NeuralLayers", "Tensors", "Training", "TestFolders",
        "TestSupport", "CustomEstimator", "RandomCells",
      ],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "EstimatorComparisonTests",
      dependencies: [
        "EstimatorComparison", "Images", "ImplicitLayers", "Tensors", "TestFolders", "TestSupport",
      ]),
    .testTarget(
      name: "NeuralLayersTests",
      dependencies: ["NeuralLayers", "Tensors", "TestFolders", "TestSupport", "Training"],
      exclude: ["Fixtures/make_torch_answers.py"],
      resources: [.copy("Fixtures/torch_answers.safetensors")]),
    .testTarget(
      name: "ImplicitModelsTests",
      dependencies: [
        "ConformanceChecks", "ImplicitModels", "ImplicitLayers", "NeuralLayers", "Tensors",
        "TestFolders", "TestSupport",
      ]),
    .testTarget(
      name: "DataLoadingTests", dependencies: ["DataLoading", "Tensors", "TestFolders"]),
    .testTarget(
      name: "TrainingTests",
      dependencies: [
        "CKernels", "Training", "NeuralLayers", "Tensors", "TestFolders", "TestSupport",
      ],
      resources: [.copy("Fixtures")]),
    .executableTarget(
      name: "CollectivesProbe",
      dependencies: ["Collectives", "ImplicitLayers", "NeuralLayers", "Tensors", "Training"],
      path: "Tests/CollectivesProbe"),
    .testTarget(
      name: "CollectivesTests",
      dependencies: [
        "Collectives", "CollectivesProbe", "DataLoading", "ImplicitLayers", "NeuralLayers",
        "ShardedDiffusion", "Tensors", "TestFolders", "Training", "slate",
      ]),
    .testTarget(
      name: "ImagesTests", dependencies: ["CKernels", "Images", "TestFolders"],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "ObjectCentricTests",
      dependencies: [
        "ObjectCentric", "ImplicitLayers", "NeuralLayers", "Training", "Tensors", "Images",
        "TestFolders", "TestSupport", "CKernels",
      ],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "ExamplesTests",
      dependencies: [
        "CompareEstimators", "CustomCell", "CustomEstimator", "CustomSolver", "Digits",
        "EquilibriumHessian", "Equations", "Kepler", "PageRank", "Portfolio", "RidgePenalty",
        "Sinkhorn", "SlotAttention", "TestFolders", "Translations",
      ]),
    .testTarget(
      name: "SlateTests",
      dependencies: [
        "slate", "Collectives", "ObjectCentric", "ImplicitLayers", "NeuralLayers", "Tensors",
        "Images", "Training", "TestFolders",
      ],
      resources: [.copy("Fixtures")]),
    .testTarget(
      name: "FuzzingTests",
      dependencies: [
        "slate", "ObjectCentric", "Images", "NeuralLayers", "Tensors", "Training",
        "AllocationPeak", "TestFolders",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      exclude: ["make_corpus.py", "Dictionaries"], resources: [.copy("Corpus")]),
    .testTarget(
      name: "DocumentationTests",
      dependencies: [
        "slate", "FixedPoint", "BuildAModel", "CustomSolver", "CustomEstimator", "Equations",
        "RidgePenalty", "EquilibriumHessian", "Portfolio", "ShardedDiffusion", "TensorTour",
        "Digits", "SlotAttention", "CompareEstimators", "TestFolders",
      ]),
  ],
  swiftLanguageModes: [.v6]
)

// With SWIFT_IMPLICIT_LAYERS_TESTED=SomeTests,OtherTests, tests are built of these targets alone, and with
// them no more than they need: .ci/test-mpi has a build for each MPI, and .ci/run one with a sanitizer.
if let names = Context.environment["SWIFT_IMPLICIT_LAYERS_TESTED"] {
  var needed: Set<String> = []
  var waiting = names.split(separator: ",").map(String.init)
  while let name = waiting.popLast() {
    guard needed.insert(name).inserted else { continue }
    let target = package.targets.first { $0.name == name }
    precondition(
      target != nil || !names.split(separator: ",").contains(Substring(name)),
      "SWIFT_IMPLICIT_LAYERS_TESTED names \(name), which is no target")
    guard let target else { continue }
    waiting += target.dependencies.compactMap { dependency in
      switch dependency {
      case .targetItem(let name, _), .byNameItem(let name, _): name
      default: nil
      }
    }
  }
  package.targets.removeAll { !needed.contains($0.name) }
  package.products.removeAll { !needed.contains($0.name) }
}
