/* What stands between the host's C and Go: Go cannot call a function pointer, nor keep a pointer to
 * its own memory in C. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>

#include "recoup_channel.h"

/* The host's services as plain functions. */
bool host_is_known(const recoup_host_v1 *host);
int32_t host_complete(const recoup_host_v1 *host, uint64_t call_id, int32_t status,
                      const void *bytes, size_t len);
int32_t host_began(const recoup_host_v1 *host, uint64_t call_id);
int64_t host_wall_unix_ms(const recoup_host_v1 *host);
/* The secret's length, or 0 where it is not given, empty, or longer than its place. */
size_t host_secret(const recoup_host_v1 *host, const void *name, size_t name_len, void *place,
                   size_t size);
/* The same shape for the host's sink of reasons. */
void tell(recoup_sink sink, void *user, const void *bytes, size_t len);
/* True where the struct is long enough to hold all that this channel reads. */
bool times_are_known(const recoup_call_v1 *times);

#endif
