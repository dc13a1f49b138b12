#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* SOCK_CLOEXEC and SOCK_NONBLOCK of old C libraries */

#include "http.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

uint64_t monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ------------------------------------------------------------------ the URL and the query */

static bool bad_url(char *why, const char *url, const char *what) {
  snprintf(why, WHY_BYTES, "`endpoint` is `%.150s`: %s", url, what);
  return false;
}

/* Every byte is checked: what stands in a request's head must not be able to end a line there. */
static bool all_in(const char *ptr, size_t len, const char *signs) {
  size_t i;
  for (i = 0; i < len; i++) {
    char c = ptr[i];
    bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!alphanumeric && (c == '\0' || strchr(signs, c) == NULL)) return false;
  }
  return true;
}

bool endpoint_read(struct endpoint *endpoint, const char *url, char why[WHY_BYTES]) {
  const char *host = url + strlen("http://"), *port = "80";
  size_t len, host_len, port_len = 2;
  bool bracketed;
  if (strncasecmp(url, "https://", 8) == 0)
    return bad_url(why, url,
                   "this channel has no TLS; let a TLS proxy beside it (stunnel, for example) hold "
                   "the connection, and name that by http://");
  if (strncasecmp(url, "http://", 7) != 0)
    return bad_url(why, url, "it must look like http://host:port/cgi-bin/sendsms");
  len = strcspn(host, "/?#");
  bracketed = host[0] == '[';
  host_len = bracketed ? strcspn(++host, "]/?#") : strcspn(host, ":/?#");
  if (host_len == 0 || host_len >= sizeof endpoint->host ||
      !all_in(host, host_len, bracketed ? ":." : ".-_"))
    return bad_url(why, url, "its host must be a name or an address, and nothing before it");
  memcpy(endpoint->host, host, host_len);
  endpoint->host[host_len] = '\0';
  host += host_len;
  if (bracketed && *host++ != ']') return bad_url(why, url, "the `[` of its host is not closed");
  if (*host == ':') {
    port = host + 1;
    port_len = strspn(port, "0123456789");
    host = port + port_len;
    if (port_len == 0 || port_len >= sizeof endpoint->port || strtoul(port, NULL, 10) > 65535)
      return bad_url(why, url, "its port is not within 1 to 65535");
  }
  memcpy(endpoint->port, port, port_len);
  endpoint->port[port_len] = '\0';
  if (*host != '/' && *host != '\0') return bad_url(why, url, "it holds more than host and path");
  len = strlen(host);
  if (!all_in(host, len, "/-._~%!$&'()*+,;=:@"))
    return bad_url(why, url, "its path must be without a query, and escaped");
  if (len >= sizeof endpoint->path) return bad_url(why, url, "it is too long");
  strcpy(endpoint->path, len > 0 ? host : "/");
  snprintf(endpoint->authority, sizeof endpoint->authority, bracketed ? "[%s]:%s" : "%s:%s",
           endpoint->host, endpoint->port);
  return true;
}

void write_escaped(struct writer *w, const char *ptr, size_t len) {
  static const char HEX[] = "0123456789ABCDEF";
  size_t i;
  for (i = 0; i < len; i++) {
    unsigned char c = (unsigned char)ptr[i];
    char escaped[3] = {'%', HEX[c >> 4], HEX[c & 15]};
    if (all_in(&ptr[i], 1, "-._~"))
      write_bytes(w, &ptr[i], 1);
    else
      write_bytes(w, escaped, sizeof escaped);
  }
}

/* ------------------------------------------------------------------ the answer */

enum progress { MORE, WHOLE, BROKEN };

/* The end of the line at `at`, or NULL where it is not there yet. */
static char *line_end(char *at, char *end) {
  for (; end - at >= 2; at++)
    if (at[0] == '\r' && at[1] == '\n') return at;
  return NULL;
}

/* True where this line is that header; its value comes without blanks around it. */
static bool is_header(const char *line, const char *end, const char *name, struct text *value) {
  size_t len = strlen(name);
  if ((size_t)(end - line) <= len || strncasecmp(line, name, len) != 0 || line[len] != ':')
    return false;
  line += len + 1;
  while (line < end && (*line == ' ' || *line == '\t')) line++;
  while (end > line && (end[-1] == ' ' || end[-1] == '\t')) end--;
  value->ptr = line;
  value->len = (size_t)(end - line);
  return true;
}

/* Digits and nothing else, at most nine of them: no length or wait of ours is larger. */
static bool number(struct text text, unsigned base, uint64_t *value) {
  static const char DIGITS[] = "0123456789abcdef";
  size_t i;
  *value = 0;
  if (text.len == 0 || text.len > 9) return false;
  for (i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    const char *digit;
    if (c >= 'A' && c <= 'F') c = (char)(c - 'A' + 'a');
    digit = c == '\0' ? NULL : strchr(DIGITS, c);
    if (digit == NULL || digit - DIGITS >= (int)base) return false;
    *value = *value * base + (uint64_t)(digit - DIGITS);
  }
  return true;
}

/* A body in chunks. Only once all of it is there is it put together, in place. */
static enum progress join_chunks(struct answer *answer, char *body, bool join) {
  char *at = body, *end = answer->bytes + answer->len, *joined = body;
  for (;;) {
    char *line = line_end(at, end);
    struct text digits = {at, 0};
    uint64_t size;
    if (line == NULL) return MORE;
    while (at + digits.len < line && strchr("; \t", at[digits.len]) == NULL) digits.len++;
    if (!number(digits, 16, &size)) return BROKEN;
    at = line + 2;
    if (size == 0) break;
    if ((uint64_t)(end - at) < size + 2) return MORE;
    if (memcmp(at + size, "\r\n", 2) != 0) return BROKEN;
    if (join) memmove(joined, at, size);
    joined += size;
    at += size + 2;
  }
  for (;;) { /* trailers, until an empty line */
    char *line = line_end(at, end);
    if (line == NULL) return MORE;
    if (line == at) break;
    at = line + 2;
  }
  if (!join) return join_chunks(answer, body, true);
  answer->body.ptr = body;
  answer->body.len = (size_t)(joined - body);
  return WHOLE;
}

/* Looks at what has come so far. A connection that ended early is BROKEN, and never a short body:
 * half an answer could be read as another one. */
static enum progress read_answer(struct answer *answer, bool ended) {
  char *at = answer->bytes, *end = at + answer->len, *line = line_end(at, end);
  bool chunked = false, has_length = false;
  struct text value;
  uint64_t length = 0, status;
  if (line == NULL) return MORE;
  value.ptr = at + 9;
  value.len = 3;
  if (line - at < 12 || memcmp(at, "HTTP/1.", 7) != 0 || at[8] != ' ' ||
      (line - at > 12 && at[12] != ' ') || !number(value, 10, &status))
    return BROKEN;
  answer->status = (int)status;
  answer->retry_after_s = 0;
  for (;;) {
    uint64_t found;
    at = line + 2;
    line = line_end(at, end);
    if (line == NULL) return MORE;
    if (line == at) break;
    if (is_header(at, line, "content-length", &value)) {
      if (!number(value, 10, &found) || (has_length && found != length)) return BROKEN;
      length = found;
      has_length = true;
    } else if (is_header(at, line, "transfer-encoding", &value)) {
      if (value.len != 7 || strncasecmp(value.ptr, "chunked", 7) != 0) return BROKEN;
      chunked = true;
    } else if (is_header(at, line, "retry-after", &value)) {
      if (number(value, 10, &found)) answer->retry_after_s = found; /* else it is a date */
    }
  }
  at = line + 2;
  if (chunked) return join_chunks(answer, at, false);
  answer->body.ptr = at;
  answer->body.len = (size_t)(end - at);
  if (!has_length) return ended ? WHOLE : MORE; /* its end is the connection's end */
  if (answer->body.len < length) return MORE;
  answer->body.len = (size_t)length;
  return WHOLE;
}

/* ------------------------------------------------------------------ the connection */

static bool failed(char *why, const char *what, const char *reason) {
  snprintf(why, WHY_BYTES, "%s: %s", what, reason);
  return false;
}

static bool failed_with(char *why, const char *what, int error) {
  char reason[128];
  if (strerror_r(error, reason, sizeof reason) != 0) strcpy(reason, "an error without a name");
  return failed(why, what, reason);
}

/* Waits until the socket is ready. */
static bool ready(int fd, short events, uint64_t deadline_ns, const char *what, char *why) {
  struct pollfd look = {fd, events, 0};
  for (;;) {
    uint64_t now_ns = monotonic_ns(), left_ms;
    int found;
    if (now_ns >= deadline_ns) return failed(why, what, "no time is left");
    left_ms = (deadline_ns - now_ns + 999999) / 1000000;
    found = poll(&look, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
    if (found > 0) return true;
    if (found < 0 && errno != EINTR) return failed_with(why, what, errno);
  }
}

static bool connected(int fd, const struct addrinfo *to, uint64_t deadline_ns, const char *what,
                      char *why) {
  int error = 0;
  socklen_t size = sizeof error;
  if (connect(fd, to->ai_addr, to->ai_addrlen) == 0) return true;
  if (errno != EINPROGRESS) return failed_with(why, what, errno);
  if (!ready(fd, POLLOUT, deadline_ns, what, why)) return false;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  return error == 0 || failed_with(why, what, error);
}

/* A connection to the first address that takes one, or -1. The look-up of a name has no time-out of
 * its own: where that takes too long the host ends this channel's process, and since nothing had
 * begun, the contact is proven unsent. An address instead of a name, or a resolver on this machine,
 * avoids it. */
static int connect_to(const struct endpoint *endpoint, uint64_t deadline_ns, char *why) {
  struct addrinfo hints, *all = NULL, *one;
  char what[300];
  int fd = -1, error;
  snprintf(what, sizeof what, "not sent: connect to %s", endpoint->authority);
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  error = getaddrinfo(endpoint->host, endpoint->port, &hints, &all);
  if (error != 0) {
    failed(why, what, gai_strerror(error));
    return -1;
  }
  for (one = all; one != NULL && fd < 0; one = one->ai_next) {
    fd = socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
      failed_with(why, what, errno);
    } else if (!connected(fd, one, deadline_ns, what, why)) {
      close(fd);
      fd = -1;
    }
  }
  freeaddrinfo(all);
  return fd;
}

static bool write_all(int fd, struct text request, uint64_t deadline_ns, char *why) {
  while (request.len > 0) {
    /* MSG_NOSIGNAL: a closed connection is an error here, and no SIGPIPE for the whole process. */
    ssize_t count = send(fd, request.ptr, request.len, MSG_NOSIGNAL);
    if (count >= 0) {
      request.ptr += count;
      request.len -= (size_t)count;
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!ready(fd, POLLOUT, deadline_ns, "sending", why)) return false;
    } else if (errno != EINTR) {
      return failed_with(why, "sending", errno);
    }
  }
  return true;
}

static bool read_all(int fd, struct answer *answer, uint64_t deadline_ns, char *why) {
  answer->len = 0;
  for (;;) {
    enum progress progress;
    ssize_t count;
    if (!ready(fd, POLLIN, deadline_ns, "waiting for the answer", why)) return false;
    count = recv(fd, answer->bytes + answer->len, sizeof answer->bytes - answer->len, 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) continue;
    if (count < 0) return failed_with(why, "reading the answer", errno);
    answer->len += (size_t)count;
    progress = read_answer(answer, count == 0);
    if (progress == WHOLE) return true;
    if (progress == BROKEN) return failed(why, "reading the answer", "it is not HTTP/1.1");
    if (count == 0) return failed(why, "reading the answer", "the connection ended before it did");
    if (answer->len == sizeof answer->bytes) return failed(why, "reading the answer", "too long");
  }
}

enum exchange http_exchange(const struct endpoint *endpoint, struct text request,
                            uint64_t deadline_ns, gate may_send, void *user,
                            struct answer *answer, char why[WHY_BYTES]) {
  enum exchange end = EXCHANGE_UNSENT;
  int fd = connect_to(endpoint, deadline_ns, why);
  if (fd < 0) return EXCHANGE_UNSENT;
  if (may_send(user, why)) {
    /* From here on a byte may be outside, also where `send` says that it failed. */
    bool whole = write_all(fd, request, deadline_ns, why) && read_all(fd, answer, deadline_ns, why);
    end = whole ? EXCHANGE_ANSWERED : EXCHANGE_DOUBT;
  }
  close(fd);
  return end;
}
