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

/** First field of a table: "RCPC". */
#define RECOUP_MAGIC 1380143171

/** Major of this ABI; also the end of the entry symbol's name. */
#define RECOUP_ABI_MAJOR 1

/** Minor of this ABI. Sides of different minors work together. */
#define RECOUP_ABI_MINOR 0

/** The largest message that crosses, in bytes. */
#define RECOUP_MESSAGE_BYTES_MAX (1024 * 1024)

/** Bit of a library's flags: it may not live in the core's process. The others are 0. */
#define RECOUP_FLAG_ISOLATED_ONLY 1

/** Done, or taken. */
#define RECOUP_OK 0

/** No such call, or it is over. */
#define RECOUP_STALE (-1)

/** The host refuses; with began: send nothing. */
#define RECOUP_REFUSED (-2)

/** The bytes are not the message that they should be, or too many. */
#define RECOUP_INVALID (-3)

/** Too many calls in flight. */
#define RECOUP_BUSY (-4)

/** The instance takes no new work. */
#define RECOUP_DRAINING (-5)

/** Something panicked on the way. */
#define RECOUP_PANICKED (-6)

/** The name is not known. */
#define RECOUP_NOT_FOUND (-7)

/**
 * Status of a completion, with a Failure, as all below: not now. All but UNKNOWN and PANIC are
 * the proof that nothing reached the carrier. In doubt, UNKNOWN is the only right answer.
 */
#define RECOUP_E_RETRYABLE 1

/** Not this way, not later either. */
#define RECOUP_E_PERMANENT 2

/** The number or the address is none, or must not be contacted: it is not used again. */
#define RECOUP_E_REJECTED 3

/** The carrier does not take the credentials. */
#define RECOUP_E_AUTH 4

/** The carrier wants fewer requests. */
#define RECOUP_E_RATE_LIMITED 5

/** It may have reached the carrier. */
#define RECOUP_E_UNKNOWN 6

/** The library does not do this. */
#define RECOUP_E_UNSUPPORTED 7

/** Something panicked: in doubt, like UNKNOWN. */
#define RECOUP_E_PANIC 8

/** Borrowed bytes: valid only during the call that carries them. ptr may be NULL if len is 0. */
typedef struct recoup_bytes {
  /** First byte. */
  const uint8_t *ptr;
  /** How many bytes. */
  size_t len;
} recoup_bytes;

/** Takes bytes on behalf of whoever asked for them; called during the asking call. */
typedef void (*recoup_sink)(void *user, struct recoup_bytes bytes);

/**
 * The host's services for one instance. All [any]. None calls back into the library (but secret
 * into its sink). began, event, secret and the wall clock may wait for the core's word, some
 * microseconds; the others do not wait. ctx is the first argument of each.
 */
typedef struct recoup_host_v1 {
  /** Size of the host's struct, in bytes. */
  uint32_t struct_size;
  /** Major of the host's ABI. */
  uint16_t abi_major;
  /** Minor of the host's ABI. */
  uint16_t abi_minor;
  /** First argument of each function. Valid until the process ends. */
  void *ctx;
  /** Ends a call: exactly once. Copies the bytes. STALE for a call that is over. */
  int32_t (*complete)(void *ctx, uint64_t call_id, int32_t status, struct recoup_bytes response);
  /** Before the first outside byte. Less than 0: send nothing. */
  int32_t (*began)(void *ctx, uint64_t call_id);
  /** An Inbound. Returns a ticket, not durable yet; 0: not taken, offer it again. */
  uint64_t (*event)(void *ctx, struct recoup_bytes inbound);
  /** One line, UTF-8, at a level: 0 trace, 1 debug, 2 info, 3 warn, 4 error. */
  void (*log)(void *ctx, int32_t level, struct recoup_bytes line);
  /** A metric by its index in the descriptor. */
  void (*metric)(void *ctx, uint32_t metric_id, double value);
  /** A secret by name, into the sink. NOT_FOUND for a name that is not granted. */
  int32_t (*secret)(void *ctx, struct recoup_bytes name, void *user, recoup_sink sink);
  /** The wall clock (it may be stepped) and the monotonic one (always real). Either may be NULL. */
  void (*now)(void *ctx, int64_t *wall_unix_ms, uint64_t *mono_ns);
  /** An extension by its id, or NULL. */
  const void *(*get_extension)(void *ctx, const char *id);
} recoup_host_v1;

/** The two times of a call; see rule 3. */
typedef struct recoup_call_v1 {
  /** Size of the caller's struct, in bytes. */
  uint32_t struct_size;
  /** How long the host waits: monotonic, real, in milliseconds. */
  uint32_t timeout_ms;
  /** When sending must not begin any more: wall clock, perhaps stepped; 0: no limit. */
  int64_t not_after_unix_ms;
} recoup_call_v1;

/** An operation. It returns fast; see rule 2. [main] */
typedef int32_t (*recoup_op)(void *instance,
                             uint64_t call_id,
                             const struct recoup_call_v1 *call,
                             struct recoup_bytes request);

/** The one table of a library. */
typedef struct recoup_channel_v1 {
  /** The magic number. */
  uint32_t magic;
  /** Size of the library's struct, in bytes. */
  uint32_t struct_size;
  /** Major of the library's ABI. */
  uint16_t abi_major;
  /** Minor of the library's ABI. */
  uint16_t abi_minor;
  /** Bits; those without a name are 0. */
  uint32_t flags;
  /** A ChannelDescriptor, in static storage. */
  struct recoup_bytes descriptor;
  /**
   * Makes an instance from its JSON configuration. Less than 0: it made none, and err got the
   * reason. Required. [main]
   */
  int32_t (*create)(const struct recoup_host_v1 *host,
                    struct recoup_bytes config_json,
                    void **instance,
                    void *user,
                    recoup_sink err);
  /** SendRequest -> Receipt. The only operation that must be there. */
  recoup_op send;
  /** StatusRequest -> Status. */
  recoup_op status;
  /** CancelRequest -> Cancelled. */
  recoup_op cancel;
  /** Nothing -> Health. */
  recoup_op health;
  /** RawCallback -> Inbounds. */
  recoup_op parse_callback;
  /** PollRequest -> Polled. */
  recoup_op poll;
  /** SendRequest -> Valid. */
  recoup_op validate;
  /** The event with this ticket is durable: only now confirm to the carrier. [main] */
  void (*event_ack)(void *instance, uint64_t ticket);
  /**
   * The time of this call is over, or nobody waits for it any more. Advisory; its completion
   * still follows. An isolated library that has not completed a second after its time is ended.
   * [main]
   */
  void (*abandon)(void *instance, uint64_t call_id);
  /** No new work; waits up to timeout_ms for what is open. [main] */
  int32_t (*drain)(void *instance, uint32_t timeout_ms);
  /** Ends the instance; see rule 7. Required. [main] */
  void (*destroy)(void *instance);
  /** An extension of the instance by its id, or NULL. [main] */
  const void *(*get_extension)(void *instance, const char *id);
} recoup_channel_v1;

/** The host extension "recoup.blob/1": attachments, which never travel in messages. */
typedef struct recoup_blob_v1 {
  /** Size of the host's struct, in bytes. */
  uint32_t struct_size;
  /**
   * Opens an attachment by the 32 bytes of its SHA-256: a descriptor for pread, which the caller
   * closes, and the size in bytes. Less than 0: NOT_FOUND or REFUSED. ctx is the host's.
   */
  int32_t (*open)(void *ctx, const uint8_t *sha256, uint64_t *size_bytes);
} recoup_blob_v1;

/**
 * The entry function, the only symbol that a library exports. It may be called more than once, and
 * gets the host's minor. NULL: it cannot serve that.
 */
typedef const struct recoup_channel_v1 *(*recoup_entry)(uint32_t host_minor);

#ifdef __cplusplus
extern "C" {
#endif

/** The only exported symbol: a recoup_entry. */
const recoup_channel_v1 *recoup_channel_entry_v1(uint32_t host_minor);

#ifdef __cplusplus
}
#endif

#endif
