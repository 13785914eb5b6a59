#pragma once

// PNG through libpng and JPEG through libjpeg, in C because both report errors with longjmp, which
// Swift cannot cross. The functions return 0, or 1 with a message of at most 255 characters in
// `message`.

// The size in pixels that a JPEG file claims, and the bytes of the coefficients that a decoder has to
// keep before the first row is known, 0 where rows can be decoded one after the other.
int ci_jpeg_size(const unsigned char *bytes, long count, long *width, long *height,
                 long *coefficient_bytes, char *message);

// Decodes a JPEG file of the size that `ci_jpeg_size` gives to 8-bit RGB, row-major, with the accurate
// transform and smooth chroma upsampling. Fails where data is missing or damaged, at more than
// `scan_limit` scans, and where these visit more than `visit_limit` coefficients, with 7 more for each
// block.
int ci_jpeg_decode(const unsigned char *bytes, long count, long scan_limit, long visit_limit,
                   unsigned char *pixels, char *message);

// Whether a scan of a JPEG file in sequential Huffman coding holds blocks that no picture has, or blocks
// left over behind its last one. For files with bytes that no segment claims, which may be either.
int ci_jpeg_has_damaged_scan(const unsigned char *bytes, long count);

// What the header of a PNG file says.
struct ci_png_header {
  long width, height;
  int channels;    // samples of a pixel: grey, grey and alpha, a palette's index, RGB or RGBA
  int bits;        // of a sample: 1, 2, 4, 8 or 16
  int is_palette;  // whether a sample is the number of a colour
};

// Reads the header of a PNG file.
int ci_png_read_header(const unsigned char *bytes, long count, struct ci_png_header *header,
                       char *message);

// Decodes a PNG file to 8-bit RGB, row-major; an alpha channel is dropped. Of 16 bits the upper 8 are
// kept, but of pure grey values above 255 become 255, as Pillow has it.
int ci_png_decode(const unsigned char *bytes, long count, unsigned char *pixels, char *message);

// Decodes a PNG file's samples as they are, row-major: a byte each, or two in the machine's order where
// they have 16 bits. Numbers of fewer than 8 bits are not scaled, nor numbers of colours looked up.
int ci_png_decode_samples(const unsigned char *bytes, long count, unsigned char *samples,
                          char *message);

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
