import Foundation

/// The program that started this process as one of several ranks, recognised by its environment
/// variables.
public struct Launcher: Sendable, Equatable {
  /// The kind of launcher, for messages.
  public let name: String
  /// The number of ranks that it started.
  public let size: Int
  /// The number of these ranks on this machine; nil if the launcher does not say.
  public let sizeHere: Int?

  /// The launcher of a process; nil if none started it.
  ///
  /// - Parameter environment: the environment variables of the process.
  public init?(environment: [String: String] = ProcessInfo.processInfo.environment) {
    func number(_ name: String) -> Int? {
      environment[name].flatMap { Int($0) }.flatMap { $0 >= 1 ? $0 : nil }
    }
    if let size = number("OMPI_COMM_WORLD_SIZE") {
      (name, self.size) = ("Open MPI", size)
      sizeHere = number("OMPI_COMM_WORLD_LOCAL_SIZE")
    } else if let size = number("PMI_SIZE") {
      // These are the variables of Hydra, which belongs to MPICH and its relatives, and of Slurm
      // with --mpi=pmi2.
      (name, self.size) = ("PMI", size)
      sizeHere = number("MPI_LOCALNRANKS")
    } else if environment["PMIX_RANK"] != nil, let size = number("SLURM_NTASKS") {
      (name, self.size) = ("Slurm", size)
      sizeHere = nil
    } else {
      return nil
    }
  }
}

/// The error that a launcher started several ranks, but this program was built without MPI.
public struct BuiltWithoutMPI: Error, CustomStringConvertible {
  /// The launcher.
  public let launcher: Launcher

  /// What happened, and what to do.
  public var description: String {
    "\(launcher.name) started \(launcher.size) ranks, but this program was built without MPI, and each "
      + "would do the whole work; build it with --traits MPI, or start it without the launcher"
  }
}

/// The error that Slurm started several tasks which cannot find each other.
public struct TasksWithoutPMI: Error, CustomStringConvertible {
  /// The number of tasks that Slurm started.
  public let size: Int

  /// What happened, and what to do.
  public var description: String {
    "Slurm started \(size) tasks without connecting them, and each would do the whole work; start them "
      + "with srun --mpi=pmix, or one alone with srun --ntasks=1"
  }

  /// The number of tasks in a process's job step; nil if it is one task, or if the tasks can find
  /// each other.
  ///
  /// - Parameter environment: the process's variables.
  public init?(environment: [String: String] = ProcessInfo.processInfo.environment) {
    guard Launcher(environment: environment) == nil, environment["PMIX_RANK"] == nil,
      let size = environment["SLURM_STEP_NUM_TASKS"].flatMap({ Int($0) }), size > 1
    else { return nil }
    self.size = size
  }
}

extension Communicator {
  /// The ranks that a launcher such as `mpirun` started; only this process if there is no launcher.
  ///
  /// MPI is started only if a launcher started several ranks.
  ///
  /// - Parameters:
  ///   - environment: the variables by which a launcher is recognised; default those of the
  ///     process.
  ///   - patience: the number of seconds for which a rank waits in one collective call before it
  ///     takes the others for lost and ends the job with a message; default 600. It must be longer
  ///     than any work that one rank does while the others wait, such as writing a file.
  /// - Returns: the ranks.
  /// - Throws: `BuiltWithoutMPI` when there are several ranks and the trait MPI is off;
  ///   `TasksWithoutPMI` when Slurm started several tasks that cannot find each other.
  public static func ofLauncher(
    environment: [String: String] = ProcessInfo.processInfo.environment, patience: Double = 600
  ) throws -> Communicator {
    if let tasks = TasksWithoutPMI(environment: environment) { throw tasks }
    guard let launcher = Launcher(environment: environment), launcher.size > 1 else {
      return .alone
    }
    #if MPI
      return Communicator(MPITransport(patience: patience))
    #else
      throw BuiltWithoutMPI(launcher: launcher)
    #endif
  }

  /// The MPI that this program was built with, such as "Open MPI v4.1.4"; nil without the trait MPI.
  public static var library: String? {
    #if MPI
      MPITransport.version
    #else
      nil
    #endif
  }
}
