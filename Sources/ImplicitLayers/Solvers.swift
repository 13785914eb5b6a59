// A program that differentiates solutions also chooses how they are found, so
// `import ImplicitLayers` imports both modules.
@_exported public import Solvers
