// Not built or run by this project's tests: they only hold the file name, the signatures, the tensor
// names and the sizes below to what the exporter writes (tests/test_export_phone.py).
import CoreGraphics
import Foundation
import LiteRT

/// Draws images with the decoder.tflite of the app's bundle. Create it once, use it from one thread.
final class VaeDecoder {
  static let file = (name: "decoder", type: "tflite")
  static let latentDim = 32
  static let noiseDim = 32
  static let height = 28
  static let width = 28

  private let model: CompiledModel

  init(bundle: Bundle = .main) throws {
    guard let path = bundle.path(forResource: Self.file.name, ofType: Self.file.type) else {
      throw LiteRtError.fileIO
    }
    let options = try Options()
    try options.setHardwareAccelerators([.cpu])
    model = try CompiledModel(filePath: path, environment: Environment(), options: options)
  }

  /// The image of a code of `latentDim` numbers.
  func decode(_ code: [Float]) throws -> CGImage {
    precondition(
      code.count == Self.latentDim, "A code has \(Self.latentDim) numbers; received \(code.count).")
    return try run("decode", input: "z", code)  // (1, latentDim) float32
  }

  /// The image of a draw from the prior, which the file makes of standard normal numbers.
  func sample() throws -> CGImage {
    try fromNoise((0..<Self.noiseDim).map { _ in Self.normal() })
  }

  private func fromNoise(_ noise: [Float]) throws -> CGImage {
    try run("from_noise", input: "noise", noise)  // (1, noiseDim) float32
  }

  /// The image that belongs to a number: the same one on every device.
  func generate(_ number: Int32) throws -> CGImage {
    try run("generate", input: "seed", [number])  // (1) int32
  }

  private func run<T>(_ signature: String, input: String, _ values: [T]) throws -> CGImage {
    guard let index = try model.signatureKeys().firstIndex(of: signature),
      try model.inputName(inputIndex: 0, signatureIndex: index) == input,
      try model.outputName(outputIndex: 0, signatureIndex: index) == "images"
    else { throw LiteRtError.notFound }
    let inputs = try model.createInputBuffers(signatureIndex: index)
    try inputs[0].write(values)
    let outputs = try model.run(inputs: inputs, signatureIndex: index)
    return try image(outputs[0].read())  // (1, height, width, 1) float32
  }

  private func image(_ pixels: [Float]) throws -> CGImage {  // grey, in [0, 1], row by row
    let bytes = Data(pixels.map { UInt8($0 * 255 + 0.5) })
    guard let provider = CGDataProvider(data: bytes as CFData),
      let image = CGImage(
        width: Self.width, height: Self.height, bitsPerComponent: 8, bitsPerPixel: 8,
        bytesPerRow: Self.width, space: CGColorSpaceCreateDeviceGray(),
        bitmapInfo: CGBitmapInfo(rawValue: CGImageAlphaInfo.none.rawValue), provider: provider,
        decode: nil, shouldInterpolate: false, intent: .defaultIntent)
    else { throw LiteRtError.runtimeFailure }
    return image
  }

  /// A standard normal number, by Box and Muller.
  private static func normal() -> Float {
    let radius = (-2 * log(Float.random(in: Float.leastNormalMagnitude...1))).squareRoot()
    return radius * cos(2 * .pi * Float.random(in: 0..<1))
  }
}
