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

// Converts to 8-bit RGB.
static void convert_to_rgb(png_structp png, png_infop info) {
  png_set_expand(png);
  if (png_get_bit_depth(png, info) == 16 && png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY) {
    png_set_read_user_transform_fn(png, saturate);
    png_set_user_transform_info(png, NULL, 8, 3);
  } else {
    png_set_strip_16(png);
  }
  png_set_gray_to_rgb(png);
  png_set_strip_alpha(png);
}

// Leaves samples as they are, one to one or two bytes.
static void unpack(png_structp png, png_infop info) {
  (void)info;
  png_set_packing(png);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  png_set_swap(png);
#endif
}

// Reads the header and, where there is a `convert`, the picture as it leaves that.
static int read_png(const unsigned char *bytes, long count, struct ci_png_header *header,
                    void (*convert)(png_structp png, png_infop info), unsigned char *pixels,
                    char *message) {
  struct failure failure = {.message = message};
  struct source source = {bytes, count, 0};
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &failure, fail, ignore);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  if (!info) {
    strcpy(message, "out of memory");
    png_destroy_read_struct(&png, NULL, NULL);
    return 1;
  }
  if (setjmp(failure.jump)) {
    png_destroy_read_struct(&png, &info, NULL);
    return 1;
  }
  // Chunks that do not change pixels are not even unpacked, because compressed text can become a
  // thousand times as long as it is in the file.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_set_read_fn(png, &source, read_bytes);
  png_read_info(png, info);
  header->width = (long)png_get_image_width(png, info);
  header->height = (long)png_get_image_height(png, info);
  header->channels = png_get_channels(png, info);
  header->bits = png_get_bit_depth(png, info);
  header->is_palette = png_get_color_type(png, info) == PNG_COLOR_TYPE_PALETTE;
  if (convert) {
    convert(png, info);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    long stride = convert == convert_to_rgb
                      ? 3 * header->width
                      : header->width * header->channels * (header->bits == 16 ? 2 : 1);
    if ((long)png_get_rowbytes(png, info) != stride) png_error(png, "unexpected pixel format");
    for (int pass = 0; pass < passes; pass++)
      for (long y = 0; y < header->height; y++) png_read_row(png, pixels + y * stride, NULL);
    png_read_end(png, NULL);
  }
  png_destroy_read_struct(&png, &info, NULL);
  return 0;
}

int ci_png_read_header(const unsigned char *bytes, long count, struct ci_png_header *header,
                       char *message) {
  return read_png(bytes, count, header, NULL, NULL, message);
}

int ci_png_decode(const unsigned char *bytes, long count, unsigned char *pixels, char *message) {
  struct ci_png_header header;
  return read_png(bytes, count, &header, convert_to_rgb, pixels, message);
}

int ci_png_decode_samples(const unsigned char *bytes, long count, unsigned char *samples,
                          char *message) {
  struct ci_png_header header;
  return read_png(bytes, count, &header, unpack, samples, message);
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
  // A third of the time that libpng's own choice of a filter for each row takes, and files that are an eighth
  // to a third larger.
  png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_PAETH);
  png_set_compression_level(png, 3);
  png_write_info(png, info);
  for (long y = 0; y < height; y++) png_write_row(png, pixels + y * 3 * width);
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  return 0;
}
