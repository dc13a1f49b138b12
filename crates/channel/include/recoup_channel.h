/* recoup_channel.h: the C ABI between recoup and a channel library. ABI 1.0.
 *
 * A channel library is a shared object that exports one function, recoup_channel_entry_v1. It
 * returns one table. Messages are protobuf of the package recoup.channel.v1 (channel.proto).
 *
 * Versions. The ABI's numbers are its own: neither recoup's nor a compiler's. Within major 1 every
 * library works with every host, older or newer, without being built again: tables only grow at
 * their end, and each side reads what struct_size says is there. A minor adds fields, extensions
 * and message fields; nobody may need them. A host's abi_minor says what it has, and so does a
 * library's. Extensions are found by id; an id that the other side does not know gives NULL, and
 * ids of drafts start with "recoup.x.". A flag or a status that a side does not know is ignored or
 * UNKNOWN. What would break this is another major, under another symbol.
 *
 * Rules
 *  1. A table is append-only within a major. Read a field only if struct_size covers it. A NULL
 *     optional function means "unsupported". What the descriptor promises, the table must hold.
 *     A table is in static storage: it does not move or change while the process lives.
 *  2. An operation that returns 0 is completed exactly once: perhaps before it returns, from any
 *     thread. One that returns less than 0 is never completed. It returns fast: it starts the work.
 *  3. Two times travel with a call. timeout_ms (monotonic, real) is for waiting,
 *     not_after_unix_ms (wall, possibly stepped: ask the host's now) is for sending. Nothing else
 *     is a deadline.
 *  4. Before the first byte of a request leaves: check not_after, then call began. If that returns
 *     less than 0, send nothing. A host that gets no began for a send takes its end as proof that
 *     nothing left, if the descriptor says `began`: say so only if it holds for every path.
 *  5. recoup_bytes are borrowed: valid only during the call that carries them. Nobody frees what
 *     the other side allocated. A message is at most 1 MiB.
 *  6. Nothing unwinds across the boundary: catch every exception and panic inside.
 *  7. create and destroy are strictly paired. One library may have many instances. destroy returns
 *     only when every thread of the instance has ended. A library is never unloaded.
 *  8. An event gets a ticket. Whoever owes the carrier an answer gives it after event_ack. No ack:
 *     not durable; offer the event again.
 *  9. Text is UTF-8. Manners: no writing to stdout, no signal handlers, no exit, no fork; no secret
 *     and nothing that identifies a person in a log line.
 *
 * Thread tags
 *  [any]   may be called from any thread, also at the same time
 *  [main]  the host calls it from the instance's one thread, never two at a time
 */
#ifndef RECOUP_CHANNEL_H
#define RECOUP_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RECOUP_MAGIC UINT32_C(0x52435043) /* "RCPC" */
#define RECOUP_ABI_MAJOR 1
#define RECOUP_ABI_MINOR 0
#define RECOUP_MESSAGE_BYTES_MAX (1024 * 1024)

/* Bits of recoup_channel_v1.flags. */
#define RECOUP_FLAG_ISOLATED_ONLY UINT32_C(1)

/* What a function returns. */
#define RECOUP_OK 0
#define RECOUP_STALE (-1)     /* no such call, or it is over */
#define RECOUP_REFUSED (-2)   /* the host refuses; with began: send nothing */
#define RECOUP_INVALID (-3)   /* the bytes are not the message that they should be */
#define RECOUP_BUSY (-4)      /* too many calls in flight */
#define RECOUP_DRAINING (-5)  /* the instance takes no new work */
#define RECOUP_PANICKED (-6)  /* something panicked on the way */
#define RECOUP_NOT_FOUND (-7) /* the name is not known */

/* Status of a completion besides RECOUP_OK; the bytes are a Failure then. All but UNKNOWN and PANIC
 * are the proof that nothing reached the carrier. In doubt, UNKNOWN is the only right answer. */
#define RECOUP_E_RETRYABLE 1
#define RECOUP_E_PERMANENT 2
#define RECOUP_E_REJECTED 3
#define RECOUP_E_AUTH 4
#define RECOUP_E_RATE_LIMITED 5
#define RECOUP_E_UNKNOWN 6
#define RECOUP_E_UNSUPPORTED 7
#define RECOUP_E_PANIC 8

/* Borrowed bytes. ptr may be NULL if len is 0. */
typedef struct recoup_bytes {
  const uint8_t *ptr;
  size_t len;
} recoup_bytes;

/* Takes bytes on behalf of whoever asked; called during the asking call. */
typedef void (*recoup_sink)(void *user, recoup_bytes bytes);

/* The host's services for one instance. All [any]. None calls back into the library (but secret into
 * its sink). began, event, secret and the wall clock may wait for the core's word, some microseconds;
 * the others do not wait. ctx is the first argument of each, valid until the process ends. */
typedef struct recoup_host_v1 {
  uint32_t struct_size;
  uint16_t abi_major;
  uint16_t abi_minor;
  void *ctx;
  /* Ends a call. Copies the bytes. RECOUP_STALE for a call that is over. */
  int32_t (*complete)(void *ctx, uint64_t call_id, int32_t status, recoup_bytes response);
  /* Before the first outside byte. Less than 0: send nothing. */
  int32_t (*began)(void *ctx, uint64_t call_id);
  /* An Inbound. Returns a ticket, not durable yet; 0: not taken, offer it again. */
  uint64_t (*event)(void *ctx, recoup_bytes inbound);
  /* One line at a level: 0 trace, 1 debug, 2 info, 3 warn, 4 error. */
  void (*log)(void *ctx, int32_t level, recoup_bytes line);
  /* A metric by its index in the descriptor. */
  void (*metric)(void *ctx, uint32_t metric_id, double value);
  /* A secret by name, into the sink. RECOUP_NOT_FOUND for a name that is not granted. */
  int32_t (*secret)(void *ctx, recoup_bytes name, void *user, recoup_sink sink);
  /* The wall clock (may be stepped) and the monotonic one (always real). Either may be NULL. */
  void (*now)(void *ctx, int64_t *wall_unix_ms, uint64_t *mono_ns);
  /* An extension by its id, or NULL. */
  const void *(*get_extension)(void *ctx, const char *id);
} recoup_host_v1;

/* The two times of a call; see rule 3. */
typedef struct recoup_call_v1 {
  uint32_t struct_size;
  uint32_t timeout_ms;
  int64_t not_after_unix_ms; /* 0: no limit */
} recoup_call_v1;

/* An operation. [main] */
typedef int32_t (*recoup_op)(void *instance, uint64_t call_id, const recoup_call_v1 *call,
                             recoup_bytes request);

/* The one table of a library. */
typedef struct recoup_channel_v1 {
  uint32_t magic; /* RECOUP_MAGIC */
  uint32_t struct_size;
  uint16_t abi_major;
  uint16_t abi_minor;
  uint32_t flags;
  recoup_bytes descriptor; /* a ChannelDescriptor in static storage */
  /* Makes an instance. Less than 0: it made none, and err got the reason. [main] Required. */
  int32_t (*create)(const recoup_host_v1 *host, recoup_bytes config_json, void **instance,
                    void *user, recoup_sink err);
  recoup_op send;           /* SendRequest -> Receipt. Required. */
  recoup_op status;         /* StatusRequest -> Status */
  recoup_op cancel;         /* CancelRequest -> Cancelled */
  recoup_op health;         /* nothing -> Health */
  recoup_op parse_callback; /* RawCallback -> Inbounds */
  recoup_op poll;           /* PollRequest -> Polled */
  recoup_op validate;       /* SendRequest -> Valid */
  /* The event with this ticket is durable: only now confirm to the carrier. [main] */
  void (*event_ack)(void *instance, uint64_t ticket);
  /* The time of this call is over, or nobody waits for it any more. Advisory; its completion still
   * follows. An isolated library that has not completed a second after its time is ended. [main] */
  void (*abandon)(void *instance, uint64_t call_id);
  /* No new work; wait up to timeout_ms for what is open. [main] */
  int32_t (*drain)(void *instance, uint32_t timeout_ms);
  /* Ends the instance; see rule 7. [main] Required. */
  void (*destroy)(void *instance);
  /* An extension of the instance by its id, or NULL. [main] */
  const void *(*get_extension)(void *instance, const char *id);
} recoup_channel_v1;

/* The host extension "recoup.blob/1": attachments, which never travel in messages. */
typedef struct recoup_blob_v1 {
  uint32_t struct_size;
  /* Opens an attachment by the 32 bytes of its SHA-256: a descriptor for pread, which the caller
   * closes, and the size in bytes. Less than 0: RECOUP_NOT_FOUND or RECOUP_REFUSED. ctx is the
   * host's. */
  int32_t (*open)(void *ctx, const uint8_t *sha256, uint64_t *size_bytes);
} recoup_blob_v1;

/* The only exported symbol. It may be called more than once. NULL: it cannot serve a host of this
 * minor. */
const recoup_channel_v1 *recoup_channel_entry_v1(uint32_t host_minor);

#ifdef __cplusplus
}
#endif

#endif
