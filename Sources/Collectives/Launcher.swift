import Foundation

/// Who started this process as one of several ranks, by the variables that it left.
public struct Launcher: Sendable, Equatable {
  /// The launcher's kind, for messages.
  public let name: String
  /// How many ranks it started.
  public let size: Int
  /// How many of them are on this machine, where it says so.
  public let sizeHere: Int?

  /// The launcher of a process; nil where none started it.
  ///
  /// - Parameter environment: the process's variables.
  public init?(environment: [String: String] = ProcessInfo.processInfo.environment) {
    func number(_ name: String) -> Int? {
      environment[name].flatMap { Int($0) }.flatMap { $0 >= 1 ? $0 : nil }
    }
    if let size = number("OMPI_COMM_WORLD_SIZE") {
      (name, self.size) = ("Open MPI", size)
      sizeHere = number("OMPI_COMM_WORLD_LOCAL_SIZE")
    } else if let size = number("PMI_SIZE") {
      // Hydra of MPICH and its relatives, and Slurm with --mpi=pmi2.
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

/// A launcher started several ranks, and this program cannot talk to the others.
public struct BuiltWithoutMPI: Error, CustomStringConvertible {
  /// Who started it.
  public let launcher: Launcher

  /// What happened, and what to do.
  public var description: String {
    "\(launcher.name) started \(launcher.size) ranks, but this program was built without MPI, and each "
      + "would do the whole work; build it with --traits MPI, or start it without the launcher"
  }
}

/// Slurm started several tasks, and none of them can find the others.
public struct TasksWithoutPMI: Error, CustomStringConvertible {
  /// How many tasks Slurm started.
  public let size: Int

  /// What happened, and what to do.
  public var description: String {
    "Slurm started \(size) tasks without connecting them, and each would do the whole work; start them "
      + "with srun --mpi=pmix, or one alone with srun --ntasks=1"
  }

  /// The tasks of a process's job step; nil where it is one task, or tasks that can find each other.
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
  /// The ranks that a launcher such as `mpirun` started; the process alone where there is none.
  ///
  /// MPI is started only where a launcher started several ranks.
  ///
  /// - Parameters:
  ///   - environment: the variables by which a launcher is known; default the process's.
  ///   - patience: seconds that a rank waits for the others in one collective before it takes them for
  ///     lost and ends the job with a message; default 600. It must be longer than what one rank does
  ///     alone while the others wait, such as writing a file.
  /// - Returns: the ranks.
  /// - Throws: `BuiltWithoutMPI` where there are several ranks and the trait MPI is off;
  ///   `TasksWithoutPMI` where Slurm started several tasks that cannot find each other.
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
