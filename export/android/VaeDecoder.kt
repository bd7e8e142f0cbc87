// Not built or run by this project's tests: they only hold the file name, the signatures, the tensor
// names and the sizes below to what the exporter writes (tests/test_export_phone.py).
package keras_vae

import android.content.res.AssetManager
import android.graphics.Bitmap
import android.graphics.Color
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import java.util.Random

/** Draws images with assets/decoder.tflite. Create it once, use it from one thread, close it. */
class VaeDecoder(assets: AssetManager) : AutoCloseable {
  private val model =
    CompiledModel.create(assets, FILE, CompiledModel.Options(Accelerator.CPU))
  private val z = model.createInputBuffer("z", "decode") // (1, LATENT_DIM) float32
  private val decoded = model.createOutputBuffer("images", "decode") // (1, HEIGHT, WIDTH, 1)
  private val noise = model.createInputBuffer("noise", "from_noise") // (1, NOISE_DIM) float32
  private val drawn = model.createOutputBuffer("images", "from_noise")
  private val seed = model.createInputBuffer("seed", "generate") // (1) int32
  private val generated = model.createOutputBuffer("images", "generate")

  /** The image of a code of LATENT_DIM numbers. */
  fun decode(code: FloatArray): Bitmap {
    require(code.size == LATENT_DIM) { "A code has $LATENT_DIM numbers; received ${code.size}." }
    z.writeFloat(code)
    model.run(mapOf("z" to z), mapOf("images" to decoded), "decode")
    return bitmap(decoded.readFloat())
  }

  /** The image of a draw from the prior, which the file makes of standard normal numbers. */
  fun sample(random: Random = Random()): Bitmap {
    noise.writeFloat(FloatArray(NOISE_DIM) { random.nextGaussian().toFloat() })
    model.run(mapOf("noise" to noise), mapOf("images" to drawn), "from_noise")
    return bitmap(drawn.readFloat())
  }

  /** The image that belongs to a number: the same one on every device. */
  fun generate(number: Int): Bitmap {
    seed.writeInt(intArrayOf(number))
    model.run(mapOf("seed" to seed), mapOf("images" to generated), "generate")
    return bitmap(generated.readFloat())
  }

  override fun close() {
    listOf(z, decoded, noise, drawn, seed, generated).forEach { it.close() }
    model.close()
  }

  private fun bitmap(pixels: FloatArray): Bitmap { // grey, in [0, 1], row by row
    val colors =
      IntArray(HEIGHT * WIDTH) {
        val grey = (pixels[it] * 255 + 0.5f).toInt()
        Color.rgb(grey, grey, grey)
      }
    return Bitmap.createBitmap(colors, WIDTH, HEIGHT, Bitmap.Config.ARGB_8888)
  }

  companion object {
    const val FILE = "decoder.tflite"
    const val LATENT_DIM = 32
    const val NOISE_DIM = 32
    const val HEIGHT = 28
    const val WIDTH = 28
  }
}
