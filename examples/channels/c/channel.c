/* {{name}}: text messages over an HTTP gateway in the shape of Kannel's `sendsms`.
 *
 * Start reading at `run`, which is one contact from its check to its end, then `judge`: what the
 * gateway's answer proves. One rule stands above all others: a person is never contacted twice for
 * one planned contact. So whatever is not proven unsent is RECOUP_E_UNKNOWN.
 *
 * Each call has a thread of its own. There is no lock: what threads share is never written after
 * `create`, except for one mark each. */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* explicit_bzero */

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http.h"
#include "recoup_channel.h"
#include "settings.h"
#include "wire.h"

#define ID "com.example.{{name_}}" /* yours, in reverse domain order; it never changes */
#define VERSION "0.1.0"
#define IN_FLIGHT_MAX 8
#define PARTS_MAX 10
/* The default of 8 MiB a thread would count against the channel's memory limit. */
#define STACK_BYTES (512 * 1024)

/* Numbers of channel.proto. */
enum { CONTACT_CLASS_SMS = 2, HEALTH_STATE_OK = 1, HEALTH_STATE_DOWN = 3 };

struct instance;

/* One call, from `start` until its thread is joined. */
struct call {
  struct instance *instance;
  uint64_t id, deadline_ns;
  int64_t not_after_unix_ms;
  struct send_request request;
  uint8_t *bytes; /* the request's own copy, in which its texts lie */
  pthread_t thread;
  bool started;          /* the thread is to be joined; [main] alone looks at it */
  atomic_bool completed; /* the host may hand over the next call */
};

struct instance {
  const recoup_host_v1 *host;
  struct settings settings;
  struct endpoint endpoint;
  struct call calls[IN_FLIGHT_MAX];
};

static recoup_bytes bytes_of(const char *ptr, size_t len) {
  recoup_bytes bytes = {(const uint8_t *)ptr, len};
  return bytes;
}

/* ------------------------------------------------------------------ how a call ends */

/* What the host is told. Its place has a fixed size: where memory is short, an end must still come. */
struct end {
  int32_t status;
  struct writer message;
  char place[1024];
};

static void fail_after(struct end *end, int32_t status, uint64_t retry_after_ms, const char *what,
                       const char *detail) {
  char text[WHY_BYTES + 256];
  snprintf(text, sizeof text, "%s%s%s", what, detail[0] == '\0' ? "" : ": ", detail);
  end->status = status;
  end->message.len = 0;
  write_text(&end->message, 1, text); /* Failure.message */
  write_number(&end->message, 2, retry_after_ms);
}

static void fail(struct end *end, int32_t status, const char *what, const char *detail) {
  fail_after(end, status, 0, what, detail);
}

/* ------------------------------------------------------------------ what may be sent */

/* The password is not kept: it may be changed while the channel runs. */
struct secret {
  char text[256];
  struct writer writer;
};

static void take_secret(void *user, recoup_bytes bytes) {
  write_bytes(user, bytes.ptr, bytes.len);
}

static bool has_secret(const struct instance *instance, struct secret *secret) {
  const recoup_host_v1 *host = instance->host;
  const char *name = instance->settings.password_secret;
  struct writer empty = {secret->text, 0, sizeof secret->text, false};
  secret->writer = empty;
  return host->secret(host->ctx, bytes_of(name, strlen(name)), &secret->writer, take_secret) ==
             RECOUP_OK &&
         secret->writer.len > 0 && !secret->writer.full;
}

/* Wall time comes from the host alone, and never from the system: it may be stepped. */
static bool in_time(const struct call *call) {
  const recoup_host_v1 *host = call->instance->host;
  int64_t now_unix_ms = INT64_MAX;
  if (call->not_after_unix_ms == 0) return true;
  host->now(host->ctx, &now_unix_ms, NULL);
  return now_unix_ms < call->not_after_unix_ms;
}

/* The last thing before the first byte. The order matters: once the host knows that it began, a
 * failure counts as a contact made. */
static bool may_send(void *user, char why[WHY_BYTES]) {
  const struct call *call = user;
  const recoup_host_v1 *host = call->instance->host;
  if (!in_time(call)) {
    snprintf(why, WHY_BYTES, "not sent: it is past this contact's not_after");
  } else if (monotonic_ns() >= call->deadline_ns) {
    snprintf(why, WHY_BYTES, "not sent: the call's time is over");
  } else if (host->began(host->ctx, call->id) < 0) {
    snprintf(why, WHY_BYTES, "not sent: the core refused it");
  } else {
    return true;
  }
  return false;
}

static bool is_e164(struct text number) {
  size_t i;
  if (number.len < 8 || number.len > 16 || number.ptr[0] != '+') return false;
  for (i = 1; i < number.len; i++)
    if (number.ptr[i] < '0' || number.ptr[i] > '9') return false;
  return true;
}

/* True where each character is one of GSM-7's and takes one place there. The others of GSM-7 go as
 * UCS-2, too, which is never wrong and sometimes dearer. */
static bool is_gsm7(struct text text) {
  size_t i;
  for (i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (c != '\n' && c != '\r' && (c < ' ' || c > '~' || strchr("[\\]^`{|}~", c) != NULL))
      return false;
  }
  return true;
}

/* How many parts the gateway makes of it. No character is cut in two. */
static uint32_t parts_of(struct text text, bool gsm7) {
  size_t whole = gsm7 ? 160 : 70, part = gsm7 ? 153 : 67, i, all = 0, room = part;
  uint32_t parts = 1;
  for (i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.ptr[i];
    size_t units = c >= 0xf0 ? 2 : 1; /* of UTF-16 */
    if ((c & 0xc0) == 0x80) continue; /* not the first byte of a character */
    all += units;
    if (units > room) {
      parts++;
      room = part;
    }
    room -= units;
  }
  return all <= whole ? 1 : parts;
}

/* Why this channel cannot send it, or NULL. Nothing in here may repeat the text or the number. */
static const char *refusal(const struct send_request *request) {
  if (request->address != ADDRESS_E164) return "a text message goes to a phone number";
  if (!is_e164(request->e164)) return "the number is not in E.164, `+` and 7 to 15 digits";
  if (request->content == CONTENT_NONE) return "the request has no content";
  if (request->template_id.len > 0) return "this gateway knows no templates";
  if (request->attachments) return "a text message carries no attachments";
  if (request->body.len == 0) return "the text is empty";
  if (parts_of(request->body, is_gsm7(request->body)) > PARTS_MAX)
    return "the text has more than 10 parts";
  return NULL;
}

static void write_pair(struct writer *w, const char *name, const char *ptr, size_t len) {
  write_str(w, name);
  write_escaped(w, ptr, len);
}

static void write_request(struct writer *w, const struct call *call, const struct secret *secret) {
  const struct instance *instance = call->instance;
  const struct settings *settings = &instance->settings;
  const struct send_request *request = &call->request;
  write_str(w, "GET ");
  write_str(w, instance->endpoint.path);
  write_pair(w, "?username=", settings->username, strlen(settings->username));
  write_pair(w, "&password=", secret->text, secret->writer.len);
  write_pair(w, "&from=", settings->from, strlen(settings->from));
  write_pair(w, "&to=", request->e164.ptr, request->e164.len);
  write_str(w, is_gsm7(request->body) ? "&coding=0" : "&coding=2");
  write_str(w, "&charset=UTF-8");
  write_pair(w, "&text=", request->body.ptr, request->body.len);
  /* The contact's key: by it the carrier, and whoever asks it later, finds the contact. */
  write_pair(w, "&binfo=", request->idempotency_key.ptr, request->idempotency_key.len);
  write_str(w, " HTTP/1.1\r\nHost: ");
  write_str(w, instance->endpoint.authority);
  write_str(w, "\r\nAccept: text/plain\r\nConnection: close\r\n\r\n");
}

/* ------------------------------------------------------------------ what an answer proves */

/* Enough of an answer to recognise it by. A message must be UTF-8, and this may be anything. */
static void shorten(char *place, size_t size, struct text body) {
  size_t i, len = 0;
  for (i = 0; i < body.len && len + 1 < size; i++) {
    unsigned char c = (unsigned char)body.ptr[i];
    if (c >= 0x20 && c != 0x7f) place[len++] = c < 0x80 ? (char)c : '?';
  }
  while (len > 0 && place[len - 1] == ' ') len--;
  place[len] = '\0';
}

static bool holds(const char *text, const char *words) {
  size_t len = strlen(words);
  for (; *text != '\0'; text++)
    if (strncasecmp(text, words, len) == 0) return true;
  return false;
}

/* `0: Accepted for delivery`, `3: Queued for later delivery`; newer gateways put `: <id>` behind. */
static void taken(struct end *end, const char *body, uint32_t parts) {
  const char *text = body + strspn(body, " ");
  if ((text[0] != '0' && text[0] != '3') || text[1 + strspn(text + 1, " ")] != ':') {
    fail(end, RECOUP_E_UNKNOWN, "the gateway answered 202 with a text that is not its own", body);
    return;
  }
  text = strchr(strchr(text, ':') + 1, ':');
  end->status = RECOUP_OK;
  end->message.len = 0;
  if (text != NULL) write_text(&end->message, 1, text + 1 + strspn(text + 1, " "));
  write_number(&end->message, 5, parts); /* Receipt.provider_ref, Receipt.parts */
}

/* The gateway's own lists are the person's or the operator's will; all else is our mistake. */
static int32_t refused(const char *body) {
  bool listed = holds(body, "not allowed") || holds(body, "black-list") ||
                holds(body, "blacklist") || holds(body, "white-list") ||
                holds(body, "do not contact");
  return listed ? RECOUP_E_REJECTED : RECOUP_E_PERMANENT;
}

/* Only what the gateway documents is a proof. A 5xx or a proxy's page may come after the text was
 * taken, so anything else is UNKNOWN. */
static void judge(struct end *end, const struct answer *answer, uint32_t parts) {
  char body[200], what[80];
  shorten(body, sizeof body, answer->body);
  switch (answer->status) {
    case 202:
      taken(end, body, parts);
      break;
    case 400:
      fail(end, refused(body), "the gateway refuses the text or its receiver", body);
      break;
    case 403:
      fail(end, RECOUP_E_AUTH, "the gateway does not accept `username` and the password", body);
      break;
    case 404:
      fail(end, RECOUP_E_PERMANENT,
           "the gateway has no such service; check the path of `endpoint`", body);
      break;
    case 429:
      fail_after(end, RECOUP_E_RATE_LIMITED, answer->retry_after_s * 1000,
                 "the gateway refuses for now", body);
      break;
    default:
      snprintf(what, sizeof what, "the gateway answered %d, and may have taken it",
               answer->status);
      fail(end, RECOUP_E_UNKNOWN, what, body);
  }
}

/* ------------------------------------------------------------------ one contact */

static void exchange(struct end *end, struct call *call) {
  struct instance *instance = call->instance;
  char request[16 * 1024], why[WHY_BYTES];
  struct writer writer = {request, 0, sizeof request, false};
  struct answer answer;
  struct secret secret;
  if (!has_secret(instance, &secret)) {
    fail(end, RECOUP_E_AUTH, "not sent: the secret is not given any more",
         instance->settings.password_secret);
    return;
  }
  write_request(&writer, call, &secret);
  explicit_bzero(secret.text, sizeof secret.text);
  if (writer.full) {
    fail(end, RECOUP_E_PERMANENT, "not sent: the request is too long", "");
  } else {
    struct text whole = {writer.ptr, writer.len};
    switch (http_exchange(&instance->endpoint, whole, call->deadline_ns, may_send, call, &answer,
                          why)) {
      case EXCHANGE_UNSENT:
        fail(end, RECOUP_E_RETRYABLE, why, "");
        break;
      case EXCHANGE_DOUBT:
        fail(end, RECOUP_E_UNKNOWN, "the gateway may have taken it", why);
        break;
      case EXCHANGE_ANSWERED:
        judge(end, &answer, parts_of(call->request.body, is_gsm7(call->request.body)));
        break;
    }
  }
  explicit_bzero(request, sizeof request); /* the password stands in it */
}

/* A call's thread. */
static void *run(void *argument) {
  struct call *call = argument;
  const recoup_host_v1 *host = call->instance->host;
  struct end end = {RECOUP_OK, {NULL, 0, sizeof end.place, false}, {0}};
  const char *why = refusal(&call->request);
  end.message.ptr = end.place;
  if (!in_time(call)) { /* first, since it costs no connection */
    fail(&end, RECOUP_E_RETRYABLE, "not sent: it is past this contact's not_after", "");
  } else if (why != NULL) {
    fail(&end, RECOUP_E_PERMANENT, "not sent", why);
  } else {
    exchange(&end, call);
  }
  /* The mark comes first: the host may hand over the next call as soon as this one is completed. */
  atomic_store(&call->completed, true);
  host->complete(host->ctx, call->id, end.status, bytes_of(end.message.ptr, end.message.len));
  return NULL;
}

/* ------------------------------------------------------------------ the table */

/* True where the struct is long enough to hold this field: that, and no version, tells what is
 * there. */
#define COVERS(table, type, field) \
  ((table)->struct_size >= offsetof(type, field) + sizeof(((type *)0)->field))

/* A call that is over leaves its thread, which is at its last line or behind it. */
static void clear(struct call *call) {
  if (!call->started) return;
  pthread_join(call->thread, NULL);
  free(call->bytes);
  call->started = false;
}

static bool start_thread(struct call *call) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  call->started = pthread_create(&call->thread, &attributes, run, call) == 0;
  pthread_attr_destroy(&attributes);
  return call->started;
}

static int32_t start(void *opaque, uint64_t call_id, const recoup_call_v1 *times,
                     recoup_bytes request) {
  struct instance *instance = opaque;
  struct call *call = instance->calls, *end = call + IN_FLIGHT_MAX;
  if (!COVERS(times, recoup_call_v1, not_after_unix_ms) || request.len > RECOUP_MESSAGE_BYTES_MAX)
    return RECOUP_INVALID;
  while (call < end && call->started && !atomic_load(&call->completed)) call++;
  if (call == end) return RECOUP_BUSY;
  clear(call);
  /* The host's bytes are ours only until this function returns. */
  call->bytes = malloc(request.len + 1);
  if (call->bytes == NULL) return RECOUP_BUSY;
  if (request.len > 0) memcpy(call->bytes, request.ptr, request.len);
  call->instance = instance;
  call->id = call_id;
  call->deadline_ns = monotonic_ns() + (uint64_t)times->timeout_ms * 1000000;
  call->not_after_unix_ms = times->not_after_unix_ms;
  atomic_store(&call->completed, false);
  if (!read_send_request(&call->request, call->bytes, request.len)) {
    free(call->bytes);
    return RECOUP_INVALID;
  }
  if (!start_thread(call)) {
    free(call->bytes);
    return RECOUP_BUSY;
  }
  return RECOUP_OK;
}

/* Whether it could send. It asks no gateway: there is no request that certainly reaches nobody. */
static int32_t health(void *opaque, uint64_t call_id, const recoup_call_v1 *times,
                      recoup_bytes request) {
  const struct instance *instance = opaque;
  const recoup_host_v1 *host = instance->host;
  char place[256];
  struct writer w = {place, 0, sizeof place, false};
  struct secret secret;
  bool fine = has_secret(instance, &secret);
  (void)times;
  (void)request;
  explicit_bzero(secret.text, sizeof secret.text);
  write_number(&w, 1, fine ? HEALTH_STATE_OK : HEALTH_STATE_DOWN);
  if (!fine) write_text(&w, 2, "the secret that `password_secret` names is not given any more");
  host->complete(host->ctx, call_id, RECOUP_OK, bytes_of(w.ptr, w.len));
  return RECOUP_OK;
}

static bool set_up(struct instance *instance, recoup_bytes config_json, char why[WHY_BYTES]) {
  struct settings *settings = &instance->settings;
  const char *json = config_json.len > 0 ? (const char *)config_json.ptr : "";
  struct secret secret;
  bool found;
  if (!settings_read(settings, json, config_json.len, why, WHY_BYTES)) return false;
  if (!endpoint_read(&instance->endpoint, settings->endpoint, why)) return false;
  found = has_secret(instance, &secret);
  explicit_bzero(secret.text, sizeof secret.text);
  if (!found)
    snprintf(why, WHY_BYTES,
             "`password_secret` names the secret `%s`, which this channel is not given, or which "
             "is empty or over %zu bytes",
             settings->password_secret, sizeof secret.text);
  return found;
}

static int32_t create(const recoup_host_v1 *host, recoup_bytes config_json, void **made,
                      void *user, recoup_sink err) {
  char why[WHY_BYTES] = "out of memory";
  struct instance *instance = NULL;
  if (host->abi_major != RECOUP_ABI_MAJOR || !COVERS(host, recoup_host_v1, now)) {
    snprintf(why, sizeof why, "the host speaks ABI %u.%u, and this channel %d.%d",
             (unsigned)host->abi_major, (unsigned)host->abi_minor, RECOUP_ABI_MAJOR,
             RECOUP_ABI_MINOR);
  } else {
    instance = calloc(1, sizeof *instance);
  }
  if (instance != NULL) {
    instance->host = host;
    if (set_up(instance, config_json, why)) {
      *made = instance;
      return RECOUP_OK;
    }
    free(instance);
  }
  err(user, bytes_of(why, strlen(why)));
  return RECOUP_REFUSED;
}

/* Waits for the calls in flight, each of which ends with its own time. They are not cut off: a
 * request that is cut leaves a doubt, and one that is waited for has an answer. */
static void destroy(void *opaque) {
  struct instance *instance = opaque;
  size_t i;
  for (i = 0; i < IN_FLIGHT_MAX; i++) clear(&instance->calls[i]);
  free(instance);
}

/* Made once, at the first question, and never changed after. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static char descriptor[4096];
static recoup_channel_v1 table;

static void describe(void) {
  char place[64];
  struct writer w = {descriptor, 0, sizeof descriptor, false};
  struct writer can = {place, 0, sizeof place, false};
  write_number(&can, 8, true);           /* began: on every path, see `may_send` */
  write_number(&can, 11, IN_FLIGHT_MAX); /* max_in_flight */
  write_text(&w, 1, ID);
  write_text(&w, 2, VERSION);
  write_text(&w, 3, "{{name}}"); /* vendor */
  write_text(&w, 4, "sms");      /* kind */
  write_number(&w, 5, CONTACT_CLASS_SMS);
  write_field(&w, 6, can.ptr, can.len);
  write_text(&w, 7, SETTINGS_SCHEMA);
  write_text(&w, 9, "config:endpoint"); /* egress */
  table.magic = RECOUP_MAGIC;
  table.struct_size = sizeof table;
  table.abi_major = RECOUP_ABI_MAJOR;
  table.abi_minor = RECOUP_ABI_MINOR;
  /* A descriptor that did not fit is none, and the host says so. */
  table.descriptor = bytes_of(w.ptr, w.full ? 0 : w.len);
  table.create = create;
  table.send = start;
  table.health = health;
  table.destroy = destroy;
}

__attribute__((visibility("default"))) const recoup_channel_v1 *recoup_channel_entry_v1(
    uint32_t host_minor) {
  (void)host_minor; /* every host of this major can be served */
  pthread_once(&once, describe);
  return &table;
}
