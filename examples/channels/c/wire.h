/* Protobuf as far as this channel needs it: what it reads of a SendRequest, and the small messages
 * that it answers with. The meaning of the fields is in recoup's channel.proto. */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text that somebody else owns. It is not terminated. */
struct text {
  const char *ptr;
  size_t len;
};

/* Writes into a place of fixed size, so that writing cannot run out of memory. What does not fit is
 * dropped and `full` is set, which whoever finishes the writing looks at once. */
struct writer {
  char *ptr;
  size_t len, size;
  bool full;
};

void write_bytes(struct writer *w, const void *bytes, size_t len);
void write_str(struct writer *w, const char *str);
/* A field of type bool, enum, int64 and the like; nothing for 0, as proto3 has it. */
void write_number(struct writer *w, uint32_t field, uint64_t value);
/* A field of type string, bytes or a message; nothing for an empty one. */
void write_field(struct writer *w, uint32_t field, const void *bytes, size_t len);
void write_text(struct writer *w, uint32_t field, const char *str);

enum address { ADDRESS_NONE, ADDRESS_E164, ADDRESS_OTHER };
enum content { CONTENT_NONE, CONTENT_DEBTOR, CONTENT_THIRD_PARTY };

/* What this channel looks at in a SendRequest. The texts lie in the bytes that were read. */
struct send_request {
  struct text idempotency_key;
  enum address address;
  struct text e164;
  enum content content;
  struct text body;
  struct text template_id;
  bool attachments;
};

/* False: these bytes are no SendRequest. */
bool read_send_request(struct send_request *request, const uint8_t *bytes, size_t len);

bool is_utf8(const char *ptr, size_t len);

#endif
