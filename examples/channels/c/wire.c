#include "wire.h"

#include <string.h>

void write_bytes(struct writer *w, const void *bytes, size_t len) {
  if (w->full || len > w->size - w->len) {
    w->full = true;
    return;
  }
  if (len > 0) memcpy(w->ptr + w->len, bytes, len);
  w->len += len;
}

void write_str(struct writer *w, const char *str) { write_bytes(w, str, strlen(str)); }

static void write_varint(struct writer *w, uint64_t value) {
  do {
    uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    write_bytes(w, &byte, 1);
    value >>= 7;
  } while (value > 0);
}

void write_number(struct writer *w, uint32_t field, uint64_t value) {
  if (value == 0) return;
  write_varint(w, (uint64_t)field << 3);
  write_varint(w, value);
}

void write_field(struct writer *w, uint32_t field, const void *bytes, size_t len) {
  if (len == 0) return;
  write_varint(w, (uint64_t)field << 3 | 2);
  write_varint(w, len);
  write_bytes(w, bytes, len);
}

void write_text(struct writer *w, uint32_t field, const char *str) {
  write_field(w, field, str, strlen(str));
}

/* The rest of a message. Each read takes from the front and never looks behind `end`. */
struct reader {
  const uint8_t *at, *end;
};

struct field {
  uint32_t number, type;
  struct reader inside; /* of type 2; empty for the others */
};

static bool read_varint(struct reader *r, uint64_t *value) {
  unsigned shift;
  *value = 0;
  for (shift = 0; shift < 70 && r->at < r->end; shift += 7) {
    uint8_t byte = *r->at++;
    if (shift == 63 && byte > 1) return false; /* over 64 bits */
    *value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

static bool skip(struct reader *r, uint64_t len) {
  /* Compared with what is left, and not added to a pointer, which a hostile length would wrap. */
  if (len > (uint64_t)(r->end - r->at)) return false;
  r->at += len;
  return true;
}

/* The next field. Fields that this version does not know are read like all others: who does not ask
 * for their number passes over them, as the ABI wants it. */
static bool read_field(struct reader *r, struct field *field) {
  uint64_t key, value;
  if (!read_varint(r, &key) || key > UINT32_MAX || key >> 3 == 0) return false;
  field->number = (uint32_t)key >> 3;
  field->type = (uint32_t)key & 7;
  field->inside.at = field->inside.end = r->at;
  switch (field->type) {
    case 0:
      return read_varint(r, &value);
    case 1:
      return skip(r, 8);
    case 2:
      if (!read_varint(r, &value)) return false;
      field->inside.at = r->at;
      if (!skip(r, value)) return false;
      field->inside.end = r->at;
      return true;
    case 5:
      return skip(r, 4);
    default: /* groups, which proto3 does not have, and what is no type at all */
      return false;
  }
}

static bool as_text(const struct field *field, struct text *text) {
  text->ptr = (const char *)field->inside.at;
  text->len = (size_t)(field->inside.end - field->inside.at);
  return field->type == 2 && is_utf8(text->ptr, text->len);
}

/* Of an address or a content that comes twice the last one counts, and a message that comes in two
 * parts is one: so the functions below write into what is there already. */
static bool read_destination(struct send_request *request, struct reader r) {
  struct field field;
  while (r.at < r.end) {
    if (!read_field(&r, &field)) return false;
    if (field.number == 1) {
      if (!as_text(&field, &request->e164)) return false;
      request->address = ADDRESS_E164;
    } else if (field.number >= 2 && field.number <= 4) {
      request->address = ADDRESS_OTHER;
    }
  }
  return true;
}

static bool read_content(struct send_request *request, enum content content, struct reader r) {
  const struct text none = {"", 0};
  struct field field;
  if (request->content != content) {
    request->body = request->template_id = none;
    request->attachments = false;
  }
  request->content = content;
  while (r.at < r.end) {
    if (!read_field(&r, &field)) return false;
    if (field.number == 2 && !as_text(&field, &request->body)) return false;
    if (content != CONTENT_DEBTOR) continue;
    if (field.number == 3 && !as_text(&field, &request->template_id)) return false;
    if (field.number == 6) request->attachments = true;
  }
  return true;
}

bool read_send_request(struct send_request *request, const uint8_t *bytes, size_t len) {
  struct reader r = {bytes, bytes};
  struct field field;
  memset(request, 0, sizeof *request);
  if (len > 0) r.end = bytes + len; /* bytes may be NULL without a length */
  while (r.at < r.end) {
    bool fine = true;
    if (!read_field(&r, &field)) return false;
    switch (field.number) {
      case 2:
        fine = as_text(&field, &request->idempotency_key);
        break;
      case 4:
        fine = field.type == 2 && read_destination(request, field.inside);
        break;
      case 5:
        fine = field.type == 2 && read_content(request, CONTENT_DEBTOR, field.inside);
        break;
      case 6:
        fine = field.type == 2 && read_content(request, CONTENT_THIRD_PARTY, field.inside);
        break;
      default:
        break;
    }
    if (!fine) return false;
  }
  return true;
}

bool is_utf8(const char *ptr, size_t len) {
  const uint8_t *at = (const uint8_t *)ptr;
  size_t left = len;
  while (left > 0) {
    size_t more, i;
    uint32_t c = *at;
    if (c < 0x80) {
      more = 0;
    } else if (c >= 0xc2 && c < 0xe0) {
      more = 1, c &= 0x1f;
    } else if (c >= 0xe0 && c < 0xf0) {
      more = 2, c &= 0x0f;
    } else if (c >= 0xf0 && c < 0xf5) {
      more = 3, c &= 0x07;
    } else {
      return false;
    }
    if (more >= left) return false;
    for (i = 1; i <= more; i++) {
      if ((at[i] & 0xc0) != 0x80) return false;
      c = c << 6 | (at[i] & 0x3f);
    }
    /* Too long for its value, a surrogate, or behind the last character. */
    if ((more == 2 && c < 0x800) || (more == 3 && (c < 0x10000 || c > 0x10ffff))) return false;
    if (c >= 0xd800 && c < 0xe000) return false;
    at += more + 1;
    left -= more + 1;
  }
  return true;
}
