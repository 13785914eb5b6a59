#include <string.h>

#include "CImageCodecs.h"

// Bytes behind a scan's last block, before the next marker, are either nobody's, which does no harm, or
// the rest of the picture: where a piece in the middle was overwritten, what is read from it has other
// blocks than were written, the codes fall into step again behind it, and the scan's number of blocks is
// reached too early. Then the bytes left over are blocks like those before, to the last bit.

struct huffman {
  int count[17];  // codes of each length
  unsigned char symbols[256];
  int is_there;
};

struct component {
  int id, horizontal, vertical, dc, ac;
};

struct frame {
  long width, height;
  int components, horizontal, vertical;  // the largest sampling factors
  struct component component[4];
  struct huffman dc[4], ac[4];
  long restart_interval;
};

struct bits {
  const unsigned char *next, *end;
  unsigned byte;
  int left;  // of `byte`
};

// The next bit, or -1 at a marker or the end.
static int bit(struct bits *bits) {
  if (bits->left == 0) {
    if (bits->next >= bits->end) return -1;
    if (*bits->next == 0xff) {
      if (bits->next + 1 >= bits->end || bits->next[1] != 0) return -1;
      bits->next++;
      bits->byte = 0xff;
    } else {
      bits->byte = *bits->next;
    }
    bits->next++;
    bits->left = 8;
  }
  bits->left--;
  return (int)(bits->byte >> bits->left & 1);
}

static int skip_bits(struct bits *bits, int count) {
  while (count-- > 0)
    if (bit(bits) < 0) return -1;
  return 0;
}

static int symbol(struct bits *bits, const struct huffman *table) {
  int code = 0, first = 0, index = 0;
  for (int length = 1; length <= 16; length++) {
    int next = bit(bits);
    if (next < 0) return -1;
    code = code << 1 | next;
    int count = table->count[length];
    if (code - first < count) return table->symbols[index + code - first];
    index += count;
    first = (first + count) << 1;
  }
  return -1;
}

// Returns 0, or NO_DATA if the next bits are no block, or CONTRADICTION if they are a block that no
// picture of 8 bits has, which libjpeg would decode somehow without a warning.
enum { NO_DATA = -1, CONTRADICTION = -2 };

static int block(struct bits *bits, const struct huffman *dc, const struct huffman *ac) {
  int size = symbol(bits, dc);
  if (size > 11) return CONTRADICTION;
  if (size < 0 || skip_bits(bits, size) < 0) return NO_DATA;
  for (int k = 1; k < 64;) {
    int code = symbol(bits, ac);
    if (code < 0) return NO_DATA;
    int run = code >> 4, size = code & 15;
    if (size == 0) {
      if (run != 15) return 0;
      k += 16;
      continue;
    }
    k += run + 1;
    if (k > 64 || size > 10) return CONTRADICTION;
    if (skip_bits(bits, size) < 0) return NO_DATA;
  }
  return 0;
}

// The blocks that are coded together: one block if there is one component, and for several
// components the share of each.
static int unit(struct bits *bits, const struct frame *frame, const int *chosen, int count) {
  for (int i = 0; i < count; i++) {
    const struct component *part = &frame->component[chosen[i]];
    int blocks = count == 1 ? 1 : part->horizontal * part->vertical;
    while (blocks-- > 0) {
      int found = block(bits, &frame->dc[part->dc], &frame->ac[part->ac]);
      if (found < 0) return found;
    }
  }
  return 0;
}

static long quotient(long a, long b) { return (a + b - 1) / b; }

static long unit_count(const struct frame *frame, const int *chosen, int count) {
  if (count > 1)
    return quotient(frame->width, 8L * frame->horizontal)
           * quotient(frame->height, 8L * frame->vertical);
  const struct component *part = &frame->component[chosen[0]];
  return quotient(quotient(frame->width * part->horizontal, frame->horizontal), 8)
         * quotient(quotient(frame->height * part->vertical, frame->vertical), 8);
}

static int is_padding(const struct bits *bits) {
  unsigned mask = (1u << bits->left) - 1;
  return (bits->byte & mask) == mask;
}

static int is_at_marker(const struct bits *bits) {
  return bits->next + 1 < bits->end && bits->next[0] == 0xff && bits->next[1] != 0;
}

// Whether the scan that begins at `start` has a contradiction, or whether the bytes behind its last
// block are blocks of it; `next` is behind what was read.
static int is_damaged(const struct frame *frame, const unsigned char *start,
                       const unsigned char *end, const int *chosen, int count,
                       const unsigned char **next) {
  struct bits bits = {start, end, 0, 0};
  long units = unit_count(frame, chosen, count);
  *next = start;
  for (long i = 0; i < units; i++) {
    if (frame->restart_interval > 0 && i > 0 && i % frame->restart_interval == 0) {
      bits.left = 0;
      if (!is_at_marker(&bits) || bits.next[1] < 0xd0 || bits.next[1] > 0xd7) return 0;
      bits.next += 2;
    }
    int found = unit(&bits, frame, chosen, count);
    if (found < 0) return found == CONTRADICTION;
    *next = bits.next;
  }
  if (is_at_marker(&bits)) return 0;
  while (unit(&bits, frame, chosen, count) == 0) {
    *next = bits.next;
    if (is_at_marker(&bits) && is_padding(&bits)) return 1;
  }
  return 0;
}

static int read_frame(struct frame *frame, const unsigned char *content, long count) {
  if (count < 6 || content[0] != 8) return 0;
  frame->height = content[1] << 8 | content[2];
  frame->width = content[3] << 8 | content[4];
  frame->components = content[5];
  if (frame->components < 1 || frame->components > 4 || count < 6 + 3L * frame->components
      || frame->width == 0 || frame->height == 0)
    return 0;
  frame->horizontal = frame->vertical = 1;
  for (int i = 0; i < frame->components; i++) {
    struct component *part = &frame->component[i];
    part->id = content[6 + 3 * i];
    part->horizontal = content[7 + 3 * i] >> 4;
    part->vertical = content[7 + 3 * i] & 15;
    if (part->horizontal < 1 || part->horizontal > 4 || part->vertical < 1 || part->vertical > 4)
      return 0;
    if (part->horizontal > frame->horizontal) frame->horizontal = part->horizontal;
    if (part->vertical > frame->vertical) frame->vertical = part->vertical;
  }
  return 1;
}

static int read_tables(struct frame *frame, const unsigned char *content, long count) {
  while (count >= 17) {
    int place = content[0] & 15, total = 0;
    if (place > 3 || content[0] >> 4 > 1) return 0;
    struct huffman *table = content[0] >> 4 ? &frame->ac[place] : &frame->dc[place];
    for (int length = 1; length <= 16; length++) total += table->count[length] = content[length];
    if (total > 256 || count < 17 + total) return 0;
    memcpy(table->symbols, content + 17, (size_t)total);
    table->is_there = 1;
    content += 17 + total;
    count -= 17 + total;
  }
  return 1;
}

// The components of a scan, by their places in the frame; 0 where they make no sense.
static int read_scan(struct frame *frame, const unsigned char *content, long count, int *chosen) {
  if (count < 1 || content[0] < 1 || content[0] > 4 || count < 1 + 2L * content[0]) return 0;
  for (int i = 0; i < content[0]; i++) {
    int place = 0;
    while (place < frame->components && frame->component[place].id != content[1 + 2 * i]) place++;
    if (place == frame->components) return 0;
    chosen[i] = place;
    frame->component[place].dc = content[2 + 2 * i] >> 4 & 3;
    frame->component[place].ac = content[2 + 2 * i] & 3;
    if (!frame->dc[frame->component[place].dc].is_there
        || !frame->ac[frame->component[place].ac].is_there)
      return 0;
  }
  return content[0];
}

int ci_jpeg_has_damaged_scan(const unsigned char *bytes, long count) {
  struct frame frame;
  memset(&frame, 0, sizeof frame);
  const unsigned char *next = bytes + 2, *end = bytes + count;
  while (next + 4 <= end) {
    int marker = next[1];
    if (next[0] != 0xff || marker == 0 || marker == 0xff || (marker >= 0xd0 && marker <= 0xd8)) {
      next++;
      continue;
    }
    if (marker == 0xd9) return 0;
    long length = next[2] << 8 | next[3];
    if (length < 2 || length > end - next - 2) return 0;
    const unsigned char *content = next + 4;
    next += 2 + length;
    length -= 2;
    switch (marker) {
      case 0xc0:
      case 0xc1:
        if (!read_frame(&frame, content, length)) return 0;
        break;
      case 0xc4:
        if (!read_tables(&frame, content, length)) return 0;
        break;
      case 0xdd:
        if (length >= 2) frame.restart_interval = content[0] << 8 | content[1];
        break;
      case 0xda: {
        int chosen[4];
        int components = frame.width > 0 ? read_scan(&frame, content, length, chosen) : 0;
        if (components == 0) return 0;
        if (is_damaged(&frame, next, end, chosen, components, &next)) return 1;
        break;
      }
      default:
        // Progressive, lossless and arithmetic coding.
        if (marker >= 0xc2 && marker <= 0xcf && marker != 0xc8 && marker != 0xcc) return 0;
    }
  }
  return 0;
}
