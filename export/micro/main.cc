// Prints a digit: what a microcontroller does, with decoder.h and TensorFlow Lite Micro alone.
//
// On a device: leave the arguments away, seed from its noise, and send the pixels to its display.
// README.md says how to build this.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "decoder.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

alignas(16) static uint8_t arena[DECODER_ARENA_BYTES];

// A uniform number in (0, 1], by a linear congruence.
static float uniform(uint32_t* state) {
  *state = *state * 1664525u + 1013904223u;
  return static_cast<float>((*state >> 8) + 1) / 16777216.0f;
}

// A standard normal number, by Box and Muller.
static float normal(uint32_t* state) {
  const float radius = std::sqrt(-2.0f * std::log(uniform(state)));
  return radius * std::cos(6.2831853f * uniform(state));
}

int main(int count, char** words) {
  tflite::MicroMutableOpResolver<DECODER_OPERATOR_COUNT> resolver;
  if (!(DECODER_ADD_OPERATORS(resolver))) return 1;
  tflite::MicroInterpreter interpreter(tflite::GetModel(decoder), resolver, arena, sizeof arena);
  if (interpreter.AllocateTensors() != kTfLiteOk) return 1;

  uint32_t state = count > 1 ? static_cast<uint32_t>(std::atoi(words[1])) : 0;
  float* z = interpreter.typed_input_tensor<float>(0);
  for (int i = 0; i < DECODER_INPUT_0_ELEMENTS; ++i) z[i] = normal(&state);
  if (interpreter.Invoke() != kTfLiteOk) return 1;

  const int shape[] = DECODER_OUTPUT_0_SHAPE;  // (1, H, W, C)
  const float* pixels = interpreter.typed_output_tensor<float>(0);
  for (int row = 0; row < shape[1]; ++row) {
    for (int column = 0; column < shape[2]; ++column) {
      const float value = pixels[(row * shape[2] + column) * shape[3]];  // in [0, 1]
      const char shade = " .:-=+*#%@"[static_cast<int>(value * 9.0f + 0.5f)];
      std::printf("%c%c", shade, shade);
    }
    std::printf("\n");
  }
  std::fprintf(stderr, "arena: %d of %d bytes\n", static_cast<int>(interpreter.arena_used_bytes()),
               DECODER_ARENA_BYTES);
  return 0;
}
