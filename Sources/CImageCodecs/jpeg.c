#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "CImageCodecs.h"

// What the callbacks of libjpeg know of a decoding; `error` comes first, so that a pointer to it is one
// to all of this.
struct decoding {
  struct jpeg_error_mgr error;
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress;
  jmp_buf jump;
  char *message;
  long scan_limit;
  // The coefficients that scans have visited, and how many they may.
  long visited, visit_limit;
  // Whether there were bytes that no segment claims.
  int has_stray_bytes;
  // The last scan that was looked at, and a bit for each component that a scan held.
  int scan;
  unsigned components_seen;
};

static struct decoding *decoding_of(j_common_ptr jpeg) { return (struct decoding *)jpeg->err; }

static void fail(j_common_ptr jpeg) {
  struct decoding *decoding = decoding_of(jpeg);
  char text[JMSG_LENGTH_MAX];
  jpeg->err->format_message(jpeg, text);
  strncpy(decoding->message, text, 255);
  decoding->message[255] = 0;
  longjmp(decoding->jump, 1);
}

static void fail_with(j_common_ptr jpeg, const char *text) {
  struct decoding *decoding = decoding_of(jpeg);
  strncpy(decoding->message, text, 255);
  decoding->message[255] = 0;
  longjmp(decoding->jump, 1);
}

// libjpeg goes on after a warning with a guess at what is missing. The warnings that say nothing about
// the picture's data are ignored: bytes before a marker that no segment claims, unless the marker
// separates parts of a scan, whose data then had more bytes than its blocks; and parameters without
// a meaning for the decoder.
static void judge(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  int code = jpeg->err->msg_code;
  if (code == JWRN_ADOBE_XFORM || code == JWRN_JFIF_MAJOR || code == JWRN_NOT_SEQUENTIAL) return;
  if (code == JWRN_EXTRANEOUS_DATA) {
    int marker = jpeg->err->msg_parm.i[1];
    if (marker < JPEG_RST0 || marker > JPEG_RST0 + 7) {
      decoding_of(jpeg)->has_stray_bytes = 1;
      return;
    }
  }
  fail(jpeg);
}

static void print_nothing(j_common_ptr jpeg) { (void)jpeg; }

static void begin(j_decompress_ptr jpeg) { (void)jpeg; }

static boolean fill(j_decompress_ptr jpeg) {
  fail_with((j_common_ptr)jpeg, "the file ends too early");
  return FALSE;
}

static void skip(j_decompress_ptr jpeg, long count) {
  if (count <= 0) return;
  if ((size_t)count > jpeg->src->bytes_in_buffer) fill(jpeg);
  jpeg->src->next_input_byte += count;
  jpeg->src->bytes_in_buffer -= (size_t)count;
}

// Called before each row of blocks of each scan.
static void watch(j_common_ptr common) {
  j_decompress_ptr jpeg = (j_decompress_ptr)common;
  struct decoding *decoding = decoding_of(common);
  if (jpeg->input_scan_number == decoding->scan) return;
  decoding->scan = jpeg->input_scan_number;
  if (decoding->scan > decoding->scan_limit) {
    char text[128];
    snprintf(text, sizeof text, "it has more than %ld scans", decoding->scan_limit);
    fail_with(common, text);
  }
  // A scan costs time for each block, even if it has a single coefficient of each.
  long band = jpeg->progressive_mode ? jpeg->Se - jpeg->Ss + 1 : DCTSIZE2;
  for (int i = 0; i < jpeg->comps_in_scan; i++) {
    const jpeg_component_info *component = jpeg->cur_comp_info[i];
    decoding->components_seen |= 1u << component->component_index;
    decoding->visited +=
      (long)component->width_in_blocks * (long)component->height_in_blocks * (band + 7);
  }
  if (decoding->visited > decoding->visit_limit)
    fail_with(common, "its scans go over so large a picture too often");
}

// Fails where a file that is divided into scans, all of them whole, lacks some.
static void expect_every_scan(j_decompress_ptr jpeg, const struct decoding *decoding) {
  if (decoding->components_seen != (1u << jpeg->num_components) - 1)
    fail_with((j_common_ptr)jpeg, "the scan of a colour component is missing");
  if (!jpeg->progressive_mode) return;
  for (int i = 0; i < jpeg->num_components; i++)
    for (int k = 0; k < DCTSIZE2; k++)
      if (jpeg->coef_bits[i][k] != 0)
        fail_with((j_common_ptr)jpeg, "the last scans of a progressive file are missing");
}

// Begins a decoding; the caller has set the jump.
static void open_jpeg(j_decompress_ptr jpeg, struct decoding *decoding,
                      const unsigned char *bytes, long count) {
  jpeg_create_decompress(jpeg);
  decoding->source = (struct jpeg_source_mgr){.next_input_byte = bytes,
                                              .bytes_in_buffer = (size_t)count,
                                              .init_source = begin,
                                              .fill_input_buffer = fill,
                                              .skip_input_data = skip,
                                              .resync_to_restart = jpeg_resync_to_restart,
                                              .term_source = begin};
  jpeg->src = &decoding->source;
  jpeg_read_header(jpeg, TRUE);
  if (jpeg->num_components != 1 && jpeg->num_components != 3 && jpeg->num_components != 4)
    fail_with((j_common_ptr)jpeg, "it has neither 1, 3 nor 4 colour components");
}

static void install(struct decoding *decoding, char *message) {
  memset(decoding, 0, sizeof *decoding);
  jpeg_std_error(&decoding->error);
  decoding->error.error_exit = fail;
  decoding->error.emit_message = judge;
  decoding->error.output_message = print_nothing;
  decoding->progress.progress_monitor = watch;
  decoding->message = message;
}

int ci_jpeg_size(const unsigned char *bytes, long count, long *width, long *height,
                 long *coefficient_bytes, char *message) {
  struct decoding decoding;
  struct jpeg_decompress_struct jpeg;
  install(&decoding, message);
  memset(&jpeg, 0, sizeof jpeg);
  jpeg.err = &decoding.error;
  if (setjmp(decoding.jump)) {
    jpeg_destroy_decompress(&jpeg);
    return 1;
  }
  open_jpeg(&jpeg, &decoding, bytes, count);
  *width = (long)jpeg.image_width;
  *height = (long)jpeg.image_height;
  *coefficient_bytes = 0;
  if (jpeg_has_multiple_scans(&jpeg))
    for (int i = 0; i < jpeg.num_components; i++) {
      const jpeg_component_info *component = &jpeg.comp_info[i];
      *coefficient_bytes += ((long)component->width_in_blocks + component->h_samp_factor)
                            * ((long)component->height_in_blocks + component->v_samp_factor)
                            * (long)sizeof(JBLOCK);
    }
  jpeg_destroy_decompress(&jpeg);
  return 0;
}

// RGB from a row of four inks as files hold them, 255 minus the amount of each: for each of the first
// three, paper = its value times that of black, computed as k - (255 - c) k / 255 with the quotient
// rounded, which is Pillow's way.
static void colors_of_ink(const unsigned char *inks, unsigned char *pixels, long width) {
  for (long x = 0; x < width; x++) {
    int black = inks[4 * x + 3];
    for (int channel = 0; channel < 3; channel++) {
      int product = (255 - inks[4 * x + channel]) * black + 128;
      pixels[3 * x + channel] = (unsigned char)(black - (((product >> 8) + product) >> 8));
    }
  }
}

int ci_jpeg_decode(const unsigned char *bytes, long count, long scan_limit, long visit_limit,
                   unsigned char *pixels, char *message) {
  struct decoding decoding;
  struct jpeg_decompress_struct jpeg;
  unsigned char *volatile inks = NULL;
  install(&decoding, message);
  memset(&jpeg, 0, sizeof jpeg);
  jpeg.err = &decoding.error;
  if (setjmp(decoding.jump)) {
    free(inks);
    jpeg_destroy_decompress(&jpeg);
    return 1;
  }
  open_jpeg(&jpeg, &decoding, bytes, count);
  decoding.scan_limit = scan_limit;
  decoding.visit_limit = visit_limit;
  jpeg.progress = &decoding.progress;
  int is_ink = jpeg.num_components == 4;
  jpeg.out_color_space = is_ink ? JCS_CMYK : JCS_RGB;
  jpeg.dct_method = JDCT_ISLOW;
  long width = (long)jpeg.image_width;
  if (is_ink && !(inks = malloc(4 * (size_t)width)))
    fail_with((j_common_ptr)&jpeg, "out of memory");
  jpeg_start_decompress(&jpeg);
  if (jpeg_has_multiple_scans(&jpeg)) expect_every_scan(&jpeg, &decoding);
  while (jpeg.output_scanline < jpeg.output_height) {
    unsigned char *row = pixels + 3 * width * (long)jpeg.output_scanline;
    JSAMPROW target = is_ink ? inks : row;
    jpeg_read_scanlines(&jpeg, &target, 1);
    if (is_ink) colors_of_ink(inks, row, width);
  }
  jpeg_finish_decompress(&jpeg);
  if (decoding.has_stray_bytes && ci_jpeg_has_damaged_scan(bytes, count))
    fail_with((j_common_ptr)&jpeg, "a scan has other blocks than the picture");
  free(inks);
  jpeg_destroy_decompress(&jpeg);
  return 0;
}
