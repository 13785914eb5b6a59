import COpenBLAS

/// What OpenBLAS says of itself: version, build options and the processor it is tuned for.
public var linearAlgebraVersion: String { String(cString: openblas_get_config()) }
