// Whoever differentiates solutions also says how they are found: `import ImplicitLayers` brings both.
@_exported public import Solvers
