/* The host's half of the trial: carries the model of decoder.h, and prints an image of it.
 *
 *   gcc -std=c11 -I FOLDER_OF_DECODER_H main.c -o digit
 *   ./digit info           what the header says, a number on each line
 *   ./digit model          the bytes of the model, to stdout
 *   ./digit draw < pixels  an image, from the bytes of the output tensor
 *
 * run_host.py runs the model between the last two. Exit status: 0 done, 1 failed, 2 wrong usage.
 */
#include <stdio.h>
#include <string.h>

#include "decoder.h"

#define HEIGHT shape[1]
#define WIDTH shape[2]
#define CHANNELS shape[3]

static const int shape[] = DECODER_OUTPUT_0_SHAPE; /* (B, H, W, C) */

static int info(void) {
  printf("bytes %d\n", DECODER_BYTES);
  printf("arena_bytes %d\n", DECODER_ARENA_BYTES);
  printf("latents %d\n", DECODER_INPUT_0_ELEMENTS);
  return 0;
}

static int model(void) {
  return fwrite(decoder, 1, sizeof decoder, stdout) == sizeof decoder && !fflush(stdout) ? 0 : 1;
}

static int draw(void) {
  static const char shades[] = " .:-=+*#%@";
  static DECODER_OUTPUT_0_TYPE pixels[DECODER_OUTPUT_0_ELEMENTS];
  const float white = sizeof pixels[0] == 1 ? 255.0f : 1.0f; /* bytes, or floats in [0, 1] */
  if (fread(pixels, sizeof pixels[0], DECODER_OUTPUT_0_ELEMENTS, stdin) !=
      DECODER_OUTPUT_0_ELEMENTS) {
    fprintf(stderr, "digit: stdin holds fewer than %d pixels.\n", DECODER_OUTPUT_0_ELEMENTS);
    return 1;
  }
  for (int row = 0; row < HEIGHT; ++row) {
    for (int column = 0; column < WIDTH; ++column) {
      float value = (float)pixels[(row * WIDTH + column) * CHANNELS] / white;
      int shade = (int)(value * 9.0f + 0.5f);
      shade = shade < 0 ? 0 : shade > 9 ? 9 : shade;
      putchar(shades[shade]);
      putchar(shades[shade]); /* a character is twice as high as it is wide */
    }
    putchar('\n');
  }
  return 0;
}

int main(int count, char **words) {
  if (count == 2 && !strcmp(words[1], "info")) return info();
  if (count == 2 && !strcmp(words[1], "model")) return model();
  if (count == 2 && !strcmp(words[1], "draw")) return draw();
  fprintf(stderr, "usage: digit info | model | draw < pixels\n");
  return 2;
}
