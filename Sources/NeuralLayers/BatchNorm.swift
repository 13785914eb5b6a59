import Tensors

/// Batch norm of channels, the last axis: y = (x - mean) / sqrt(variance + epsilon) * weight + bias.
///
/// ```swift
/// let norm = BatchNorm(16)
/// let y = norm(x, in: context)         // training: mean and variance of the batch
/// context.statistics.commit()          // after the step: the running ones move towards them
/// let z = norm(x, in: .evaluation)     // the running ones
/// ```
/// The layer follows Ioffe and Szegedy 2015, algorithms 1 and 2, in PyTorch's convention and with
/// its names: the batch is normalised with the variance that divides by n, and the running variance
/// moves towards the one that divides by n - 1. The running statistics are saved and restored with
/// the parameters, and not trained.
///
/// In training, samples are mixed, so the step of a fixed point may contain a batch norm only in
/// evaluation. If a batch is divided among workers, each part is normalised by itself; in chunks of
/// such a part (`Workers.reduceRanges`) the layer stops the process.
public struct BatchNorm: Layer {
  /// The gain, [channels], starting at 1.
  public let weight: Parameter
  /// The bias, [channels], starting at 0.
  public let bias: Parameter
  /// The running mean, [channels]; "running_mean" in checkpoints.
  public let runningMean: Parameter
  /// The running variance, [channels]; "running_var" in checkpoints.
  public let runningVariance: Parameter
  /// The number of batches committed, a scalar; "num_batches_tracked" in checkpoints.
  public let batchCount: Parameter
  /// The share of a new batch in the running statistics.
  public let momentum: Double
  /// A number that is added to the variance, so that the quotient is defined where the variance is
  /// 0.
  public let epsilon: Double

  /// A norm that has seen no batch.
  ///
  /// - Parameters:
  ///   - channels: the extent of the last axis.
  ///   - momentum: the share of a new batch in the running statistics, in (0, 1]; default 0.1.
  ///   - epsilon: the number that is added to the variance; default 1e-5.
  public init(_ channels: Int, momentum: Double = 0.1, epsilon: Double = 1e-5) {
    expect(
      momentum > 0 && momentum <= 1 && epsilon >= 0,
      "BatchNorm needs a momentum in (0, 1] and an epsilon of 0 or more, not \(momentum) and "
        + "\(epsilon)")
    weight = Parameter(.ones([channels]))
    bias = Parameter(.zeros([channels]))
    runningMean = Parameter(.zeros([channels]), isTrained: false)
    runningVariance = Parameter(.ones([channels]), name: "running_var", isTrained: false)
    batchCount = Parameter(Tensor(0), name: "num_batches_tracked", isTrained: false)
    self.momentum = momentum
    self.epsilon = epsilon
  }

  /// The normalised x, [..., channels].
  ///
  /// Stops in training when a channel has fewer than two elements, because these have no variance.
  /// Stops in evaluation when no batch was committed, because the running statistics then say
  /// nothing about the data.
  ///
  /// - Parameters:
  ///   - x: [..., channels].
  ///   - context: in training, the statistics of x are used and recorded in it; in evaluation, the
  ///     running ones are used.
  /// - Returns: a tensor of the same shape.
  public func callAsFunction(_ x: Tensor, in context: LayerContext) -> Tensor {
    expect(
      x.rank > 1 && x.shape[-1] == weight.shape[0],
      "BatchNorm of \(weight.shape[0]) channels needs [..., \(weight.shape[0])], not \(x.shape)")
    return context.isTraining ? normalized(x, in: context) : normalized(x)
  }

  /// x normalised by the mean and variance of the batch itself.
  private func normalized(_ x: Tensor, in context: LayerContext) -> Tensor {
    expect(
      !Workers.isDividingShares,
      "BatchNorm in training normalises by the statistics of all samples that it sees at once, and in a "
        + "chunk of a batch (Workers.reduceRanges) it would see a few: take the whole share "
        + "(Workers.mapRanges), or another norm")
    let channels = weight.shape[0]
    let count = channels == 0 ? 0 : x.count / channels
    expect(
      count > 1,
      "BatchNorm in training needs more than one element a channel, and \(x.shape) has \(count): take "
        + "a larger batch")
    let rows = x.reshaped([count, channels])
    let mean = rows.mean(alongAxis: 0)
    let centred = rows - mean
    let variance = centred.square().mean(alongAxis: 0)
    context.observe(
      .init(
        layer: self, mean: mean.detached(),
        variance: withoutRecording {
          variance.detached() * (Double(count) / Double(count - 1))
        }))
    let factor = weight.tensor * (variance + epsilon).rsqrt()
    return (centred * factor + bias.tensor).reshaped(x.shape)
  }

  /// x normalised by the running mean and variance.
  private func normalized(_ x: Tensor) -> Tensor {
    expect(
      batchCount.tensor.scalar > 0,
      "BatchNorm in evaluation has seen no batch yet: commit the statistics of a training context after "
        + "the step (context.statistics.commit()), or restore a checkpoint with num_batches_tracked; "
        + "where it has running_mean and running_var alone, say that they count with "
        + "norm.batchCount.assign(Tensor(1))")
    let factor = weight.tensor * (runningVariance.tensor + epsilon).rsqrt()
    return x * factor + (bias.tensor - runningMean.tensor * factor)
  }

  /// Moves the running statistics by the momentum.
  func move(towards mean: Tensor, _ variance: Tensor) {
    for (running, new) in [(runningMean, mean), (runningVariance, variance)] {
      let old = running.tensor
      running.assign(old * (1 - momentum) + new.converted(to: old.dtype) * momentum)
    }
    batchCount.assign(batchCount.tensor + 1)
  }
}
