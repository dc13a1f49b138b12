/* The settings of an instance: a flat JSON object of strings. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

/* Fixed sizes, so that nothing has to be freed; a text that is longer is refused by its key. */
struct settings {
  char endpoint[512];
  char username[128];
  char from[64];
  char password_secret[128]; /* the secret's name; its value comes from the host with each send */
};

/* JSON Schema of the above, which the descriptor carries. */
extern const char SETTINGS_SCHEMA[];

/* False: `why` says which key is wrong, and what would be right. */
bool settings_read(struct settings *settings, const char *json, size_t len, char *why,
                   size_t why_size);

#endif
