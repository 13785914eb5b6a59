import NeuralLayers
import Tensors

/// The discrete variational autoencoder of SLATE.
///
/// It turns an image into a grid of tokens that has a quarter of the width and height, and the grid
/// back into an image.
///
/// Source: Singh, Deng and Ahn 2021, after Ramesh et al. 2021.
///
/// Images are channels-last: [batch, height, width, 3], in [0, 1].
public struct DiscreteVAE: Module {
  /// The layers from an image to features, and (in `encoderOutput`) from features to logits over
  /// the vocabulary.
  private let encoderBlocks: [ConvolutionBlock]
  private let encoderOutput: Convolution2D
  /// The layers from tokens to features at a quarter, a half and the full resolution, with pixel
  /// shuffles between them.
  private let decoderStages: [[ConvolutionBlock]]
  private let decoderOutput: Convolution2D

  /// An autoencoder with random weights.
  ///
  /// - Parameters:
  ///   - vocabularySize: the number of tokens.
  ///   - width: the number of channels of its features; default 64, as published.
  ///   - generator: the source of the weights.
  public init(vocabularySize: Int, width: Int = 64, using generator: inout Philox) {
    encoderBlocks =
      [ConvolutionBlock(3, width, kernel: 4, stride: 4, using: &generator)]
      + (0..<6).map { _ in ConvolutionBlock(width, width, using: &generator) }
    encoderOutput = Convolution2D(width, vocabularySize, kernel: 1, using: &generator)
    let quarter = [
      ConvolutionBlock(vocabularySize, width, using: &generator),
      ConvolutionBlock(width, width, kernel: 3, padding: 1, using: &generator),
      ConvolutionBlock(width, width, using: &generator),
      ConvolutionBlock(width, width, using: &generator),
      ConvolutionBlock(width, 4 * width, using: &generator),
    ]
    let half = [
      ConvolutionBlock(width, width, kernel: 3, padding: 1, using: &generator),
      ConvolutionBlock(width, width, using: &generator),
      ConvolutionBlock(width, width, using: &generator),
      ConvolutionBlock(width, 4 * width, using: &generator),
    ]
    decoderStages = [quarter, half]
    decoderOutput = Convolution2D(width, 3, kernel: 1, using: &generator)
  }

  /// The published names, which are positions in a sequence that counts the pixel shuffles too.
  public var namedParameters: [NamedParameter] {
    let encoder: [any Module] = encoderBlocks + [encoderOutput]
    var result = encoder.enumerated().flatMap { position, module in
      module.namedParameters.map { $0.prefixed("encoder.\(position)") }
    }
    var position = 0
    for stage in decoderStages {
      for block in stage {
        result += block.namedParameters.map { $0.prefixed("decoder.\(position)") }
        position += 1
      }
      position += 1
    }
    return result + decoderOutput.namedParameters.map { $0.prefixed("decoder.\(position)") }
  }

  /// The log-probabilities of the tokens, [batch, height / 4, width / 4, vocabulary].
  public func logits(_ image: Tensor) -> Tensor {
    encoderOutput(encoderBlocks.reduce(image) { $1($0) }).logSoftmax()
  }

  /// The image that relaxed or one-hot tokens [batch, height, width, vocabulary] stand for, [batch,
  /// 4 height, 4 width, 3].
  public func decode(_ tokens: Tensor) -> Tensor {
    let features = decoderStages.reduce(tokens) { x, stage in
      stage.reduce(x) { $1($0) }.pixelShuffled()
    }
    return decoderOutput(features)
  }

  /// The image that token ids stand for.
  ///
  /// - Parameters:
  ///   - ids: the tokens, [batch, height, width].
  ///   - vocabularySize: the number of different tokens.
  /// - Returns: [batch, 4 height, 4 width, 3].
  public func decode(ids: IntTensor, vocabularySize: Int) -> Tensor {
    decode(ids.oneHot(classes: vocabularySize, dtype: decoderOutput.weight.tensor.dtype))
  }
}

/// A convolution without bias, group norm with one group, and a rectifier.
struct ConvolutionBlock: Module {
  let m: Convolution2D
  let weight: Parameter
  let bias: Parameter

  init(
    _ inputChannels: Int, _ outputChannels: Int, kernel: Int = 1, stride: Int = 1,
    padding: Int = 0, using generator: inout Philox
  ) {
    m = Convolution2D(
      inputChannels, outputChannels, kernel: kernel, stride: stride, padding: padding,
      bias: false, initializer: .kaiming, using: &generator)
    weight = Parameter(.ones([outputChannels]))
    bias = Parameter(.zeros([outputChannels]))
  }

  func callAsFunction(_ x: Tensor) -> Tensor {
    m(x).groupNorm(gain: weight.tensor, bias: bias.tensor, rectified: true)
  }
}
