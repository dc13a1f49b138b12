/* One HTTP/1.1 request over a connection of its own: no TLS, no redirects, nothing repeated. */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

#define WHY_BYTES 320 /* for words about what went wrong */

struct endpoint {
  char host[256], port[6], path[512];
  char authority[264]; /* host and port as the `Host` header wants them */
};

/* False: `why` says what is wrong with the URL. */
bool endpoint_read(struct endpoint *endpoint, const char *url, char why[WHY_BYTES]);

/* As in a query: everything but letters, digits and -._~ becomes %XX. */
void write_escaped(struct writer *w, const char *ptr, size_t len);

struct answer {
  int status;
  uint64_t retry_after_s; /* 0: the gateway does not say */
  struct text body;       /* within `bytes` */
  char bytes[16 * 1024];  /* a longer answer is none of this gateway's */
  size_t len;
};

/* How far it came; the difference that everything hangs on. */
enum exchange {
  EXCHANGE_UNSENT,   /* no byte has left: proven */
  EXCHANGE_DOUBT,    /* a byte may have left, and no whole answer came */
  EXCHANGE_ANSWERED, /* a whole answer came */
};

/* Asked once, when the connection stands, right before the first byte. False: send nothing. */
typedef bool (*gate)(void *user, char why[WHY_BYTES]);

/* Connects, passes the gate, sends, and reads the answer, all before the monotonic `deadline_ns`.
 * Unless it is answered, `why` says what happened. */
enum exchange http_exchange(const struct endpoint *endpoint, struct text request,
                            uint64_t deadline_ns, gate may_send, void *user,
                            struct answer *answer, char why[WHY_BYTES]);

/* CLOCK_MONOTONIC: it is never stepped, as a wait wants it. */
uint64_t monotonic_ns(void);

#endif
