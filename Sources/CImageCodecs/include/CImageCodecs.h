#pragma once

// PNG through libpng, in C because libpng reports errors with longjmp, which Swift cannot cross.
// Both functions return 0, or 1 with a message of at most 255 characters in `message`.

// Reads only the header: the image's size in pixels.
int ci_png_size(const unsigned char *bytes, long count, long *width, long *height, char *message);

// Decodes to 8-bit RGB, row-major; an alpha channel is dropped. `pixels` has width * height * 3
// bytes, with the size that ci_png_size reported.
int ci_png_decode(const unsigned char *bytes, long count, unsigned char *pixels, char *message);

// Encodes 8-bit RGB. `append` is called with each piece of the file.
int ci_png_encode(const unsigned char *pixels, long width, long height,
                  void (*append)(void *context, const unsigned char *piece, long count),
                  void *context, char *message);
