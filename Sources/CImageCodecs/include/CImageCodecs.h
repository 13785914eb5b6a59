#pragma once

// PNG through libpng, in C because libpng reports errors with longjmp, which Swift cannot cross.
// The functions return 0, or 1 with a message of at most 255 characters in `message`.

// Decodes to 8-bit RGB, row-major; an alpha channel is dropped. Of 16 bits the upper 8 are kept, but
// of pure grey values above 255 become 255, as Pillow has it. `allocate` is called once with the size
// and returns room for width * height * 3 bytes, or NULL to refuse the size.
int ci_png_decode(const unsigned char *bytes, long count,
                  unsigned char *(*allocate)(void *context, long width, long height),
                  void *context, char *message);

// Encodes 8-bit RGB. `append` is called with each piece of the file.
int ci_png_encode(const unsigned char *pixels, long width, long height,
                  void (*append)(void *context, const unsigned char *piece, long count),
                  void *context, char *message);

// Resampling with integer weights of 22 fractional bits. Sums are rounded and clipped to a byte.

// out[x, channel] = sum over taps of weight * row[starts[x] + tap, channel]. `weights` holds `stride`
// numbers for each x: every weight three times, then zeros; stride is a multiple of 24, and `row`
// can be read 24 bytes past the last pixel.
void ci_resample_row(const unsigned char *row, unsigned char *out, long out_width,
                     const int *starts, const int *weights, long stride);

// out[x] = sum over k < count of weights[k] * rows[k, x], rows of `width` bytes.
void ci_resample_column(const unsigned char *rows, long width, unsigned char *out,
                        const int *weights, long count);
