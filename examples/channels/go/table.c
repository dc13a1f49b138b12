#include "table.h"

#include <pthread.h>
#include <string.h>

#include "_cgo_export.h"

/* How long a table is, and no version, tells what is in it. */
#define COVERS(table, type, field) \
  ((table)->struct_size >= offsetof(type, field) + sizeof(((type *)0)->field))

static recoup_bytes bytes_of(const void *ptr, size_t len) {
  recoup_bytes bytes = {ptr, len};
  return bytes;
}

bool host_is_known(const recoup_host_v1 *host) {
  return host->abi_major == RECOUP_ABI_MAJOR && COVERS(host, recoup_host_v1, now);
}

bool times_are_known(const recoup_call_v1 *times) {
  return COVERS(times, recoup_call_v1, not_after_unix_ms);
}

int32_t host_complete(const recoup_host_v1 *host, uint64_t call_id, int32_t status,
                      const void *bytes, size_t len) {
  return host->complete(host->ctx, call_id, status, bytes_of(bytes, len));
}

int32_t host_began(const recoup_host_v1 *host, uint64_t call_id) {
  return host->began(host->ctx, call_id);
}

int64_t host_wall_unix_ms(const recoup_host_v1 *host) {
  int64_t now_unix_ms = INT64_MAX;
  host->now(host->ctx, &now_unix_ms, NULL);
  return now_unix_ms;
}

struct place {
  void *ptr;
  size_t size, len;
};

static void take(void *user, recoup_bytes bytes) {
  struct place *place = user;
  if (bytes.len == 0 || bytes.len > place->size) return;
  memcpy(place->ptr, bytes.ptr, bytes.len);
  place->len = bytes.len;
}

size_t host_secret(const recoup_host_v1 *host, const void *name, size_t name_len, void *ptr,
                   size_t size) {
  struct place place = {ptr, size, 0};
  int32_t found = host->secret(host->ctx, bytes_of(name, name_len), &place, take);
  return found == RECOUP_OK ? place.len : 0;
}

void tell(recoup_sink sink, void *user, const void *bytes, size_t len) {
  sink(user, bytes_of(bytes, len));
}

/* ------------------------------------------------------------------ the table */

/* An instance is a number that Go gave out, and never an address. */
static uintptr_t number_of(void *instance) { return (uintptr_t)instance; }

static int32_t create(const recoup_host_v1 *host, recoup_bytes config_json, void **instance,
                      void *user, recoup_sink err) {
  uintptr_t made = channelCreate((recoup_host_v1 *)host, config_json, user, err);
  if (made == 0) return RECOUP_REFUSED;
  *instance = (void *)made;
  return RECOUP_OK;
}

static int32_t start(void *instance, uint64_t call_id, const recoup_call_v1 *times,
                     recoup_bytes request) {
  return channelSend(number_of(instance), call_id, (recoup_call_v1 *)times, request);
}

static int32_t health(void *instance, uint64_t call_id, const recoup_call_v1 *times,
                      recoup_bytes request) {
  (void)times;
  (void)request;
  return channelHealth(number_of(instance), call_id);
}

static void destroy(void *instance) { channelDestroy(number_of(instance)); }

/* Made once, at the first question, and never changed after. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static recoup_channel_v1 table;

static void describe(void) {
  table.magic = RECOUP_MAGIC;
  table.struct_size = sizeof table;
  table.abi_major = RECOUP_ABI_MAJOR;
  table.abi_minor = RECOUP_ABI_MINOR;
  /* Go's runtime takes signals over and never ends: it must not live in the server's process. */
  table.flags = RECOUP_FLAG_ISOLATED_ONLY;
  table.descriptor = channelDescriptor();
  table.create = create;
  table.send = start;
  table.health = health;
  table.destroy = destroy;
}

const recoup_channel_v1 *recoup_channel_entry_v1(uint32_t host_minor) {
  (void)host_minor; /* every host of this major can be served */
  pthread_once(&once, describe);
  return &table;
}
