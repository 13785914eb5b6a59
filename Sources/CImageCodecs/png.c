#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "CImageCodecs.h"

struct source {
  const unsigned char *bytes;
  long count, position;
};

struct failure {
  jmp_buf jump;
  char *message;
};

static void fail(png_structp png, png_const_charp text) {
  struct failure *failure = png_get_error_ptr(png);
  strncpy(failure->message, text, 255);
  failure->message[255] = 0;
  longjmp(failure->jump, 1);
}

static void ignore(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void read_bytes(png_structp png, png_bytep out, size_t count) {
  struct source *source = png_get_io_ptr(png);
  if ((long)count > source->count - source->position) png_error(png, "the file ends too early");
  memcpy(out, source->bytes + source->position, count);
  source->position += (long)count;
}

// A row of 16-bit samples, in the file's big-endian order, becomes one of bytes: larger values are 255.
static void saturate(png_structp png, png_row_infop row, png_bytep samples) {
  (void)png;
  size_t count = (size_t)row->width * row->channels;
  for (size_t i = 0; i < count; i++) samples[i] = samples[2 * i] ? 255 : samples[2 * i + 1];
}

int ci_png_decode(const unsigned char *bytes, long count,
                  unsigned char *(*allocate)(void *context, long width, long height),
                  void *context, char *message) {
  struct failure failure = {.message = message};
  struct source source = {bytes, count, 0};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &failure, fail, ignore);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  png_bytep *volatile rows = NULL;
  if (!info) {
    strcpy(message, "out of memory");
    png_destroy_read_struct(&png, NULL, NULL);
    return 1;
  }
  if (setjmp(failure.jump)) {
    free(rows);
    png_destroy_read_struct(&png, &info, NULL);
    return 1;
  }
  png_set_read_fn(png, &source, read_bytes);
  png_read_info(png, info);
  long w = (long)png_get_image_width(png, info), h = (long)png_get_image_height(png, info);
  unsigned char *pixels = allocate(context, w, h);
  if (!pixels) png_error(png, "the size is refused");
  png_set_expand(png);
  if (png_get_bit_depth(png, info) == 16 && png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY) {
    png_set_read_user_transform_fn(png, saturate);
    png_set_user_transform_info(png, NULL, 8, 3);
  } else {
    png_set_strip_16(png);
  }
  png_set_gray_to_rgb(png);
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  if ((long)png_get_rowbytes(png, info) != 3 * w) png_error(png, "unexpected pixel format");
  rows = malloc((size_t)h * sizeof(png_bytep));
  if (!rows) png_error(png, "out of memory");
  for (long y = 0; y < h; y++) rows[y] = pixels + y * 3 * w;
  png_read_image(png, rows);
  png_read_end(png, NULL);
  free(rows);
  png_destroy_read_struct(&png, &info, NULL);
  return 0;
}

struct sink {
  void (*append)(void *context, const unsigned char *piece, long count);
  void *context;
};

static void write_bytes(png_structp png, png_bytep piece, size_t count) {
  struct sink *sink = png_get_io_ptr(png);
  sink->append(sink->context, piece, (long)count);
}

static void flush(png_structp png) { (void)png; }

int ci_png_encode(const unsigned char *pixels, long width, long height,
                  void (*append)(void *context, const unsigned char *piece, long count),
                  void *context, char *message) {
  struct failure failure = {.message = message};
  struct sink sink = {append, context};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &failure, fail, ignore);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    strcpy(message, "out of memory");
    png_destroy_write_struct(&png, NULL);
    return 1;
  }
  if (setjmp(failure.jump)) {
    png_destroy_write_struct(&png, &info);
    return 1;
  }
  png_set_write_fn(png, &sink, write_bytes, flush);
  png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_RGB,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (long y = 0; y < height; y++) png_write_row(png, pixels + y * 3 * width);
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  return 0;
}
