/* A channel in C: each send is completed from a thread of the library's own. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "descriptor.h" /* DESCRIPTOR: written by the test, a ChannelDescriptor */
#include "recoup_channel.h"

#define WORKERS_MAX 8

struct instance {
  const recoup_host_v1 *host;
  pthread_t workers[WORKERS_MAX];
  size_t worker_count;
};

struct work {
  const recoup_host_v1 *host;
  uint64_t call_id;
  int64_t not_after_unix_ms;
};

static recoup_bytes bytes_of(const char *text) {
  recoup_bytes bytes = {(const uint8_t *)text, strlen(text)};
  return bytes;
}

static void *work(void *argument) {
  struct work *work = argument;
  const recoup_host_v1 *host = work->host;
  int64_t now_unix_ms = 0;
  host->now(host->ctx, &now_unix_ms, NULL);
  if (work->not_after_unix_ms != 0 && now_unix_ms >= work->not_after_unix_ms) {
    /* Failure { message: "late" } */
    host->complete(host->ctx, work->call_id, RECOUP_E_RETRYABLE, bytes_of("\x0a\x04late"));
  } else if (host->began(host->ctx, work->call_id) < 0) {
    /* Failure { message: "told" } */
    host->complete(host->ctx, work->call_id, RECOUP_E_RETRYABLE, bytes_of("\x0a\x04told"));
  } else {
    /* Receipt { provider_ref: "from C" } */
    host->complete(host->ctx, work->call_id, RECOUP_OK, bytes_of("\x0a\x06" "from C"));
  }
  free(work);
  return NULL;
}

static int32_t create(const recoup_host_v1 *host, recoup_bytes config_json, void **instance,
                      void *user, recoup_sink err) {
  struct instance *made;
  if (host->abi_major != RECOUP_ABI_MAJOR || host->abi_minor != RECOUP_ABI_MINOR) {
    err(user, bytes_of("another ABI"));
    return RECOUP_REFUSED;
  }
  if (config_json.len != 2 || memcmp(config_json.ptr, "{}", 2) != 0) {
    err(user, bytes_of("this channel takes no configuration: write {}"));
    return RECOUP_REFUSED;
  }
  made = calloc(1, sizeof *made);
  if (made == NULL) return RECOUP_REFUSED;
  made->host = host;
  *instance = made;
  return RECOUP_OK;
}

static int32_t send_one(void *opaque, uint64_t call_id, const recoup_call_v1 *call,
                        recoup_bytes request) {
  struct instance *instance = opaque;
  struct work *todo;
  (void)request;
  if (instance->worker_count == WORKERS_MAX) return RECOUP_BUSY;
  todo = malloc(sizeof *todo);
  if (todo == NULL) return RECOUP_BUSY;
  todo->host = instance->host;
  todo->call_id = call_id;
  todo->not_after_unix_ms = call->not_after_unix_ms;
  if (pthread_create(&instance->workers[instance->worker_count], NULL, work, todo) != 0) {
    free(todo);
    return RECOUP_BUSY;
  }
  instance->worker_count++;
  return RECOUP_OK;
}

static void destroy(void *opaque) {
  struct instance *instance = opaque;
  size_t i;
  for (i = 0; i < instance->worker_count; i++) pthread_join(instance->workers[i], NULL);
  free(instance);
}

static const recoup_channel_v1 TABLE = {
    .magic = RECOUP_MAGIC,
    .struct_size = sizeof(recoup_channel_v1),
    .abi_major = RECOUP_ABI_MAJOR,
    .abi_minor = RECOUP_ABI_MINOR,
    .descriptor = {DESCRIPTOR, sizeof DESCRIPTOR},
    .create = create,
    .send = send_one,
    .destroy = destroy,
};

const recoup_channel_v1 *recoup_channel_entry_v1(uint32_t host_minor) {
  (void)host_minor;
  return &TABLE;
}
