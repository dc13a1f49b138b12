#include "settings.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "wire.h"

const char SETTINGS_SCHEMA[] =
    "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\","
    " \"title\": \"{{name}}: text messages over an HTTP gateway\","
    " \"type\": \"object\","
    " \"additionalProperties\": false,"
    " \"required\": [\"endpoint\", \"username\", \"from\", \"password_secret\"],"
    " \"properties\": {"
    "  \"endpoint\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 511,"
    "   \"description\": \"URL of sendsms without a query, http://host:port/cgi-bin/sendsms\"},"
    "  \"username\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 127,"
    "   \"description\": \"The account's name at the gateway\"},"
    "  \"from\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 63,"
    "   \"description\": \"The sender that people see\"},"
    "  \"password_secret\": {\"type\": \"string\", \"minLength\": 1, \"maxLength\": 127,"
    "   \"format\": \"recoup-secret\","
    "   \"description\": \"Name of the secret that is the account's password\"}}}";

#define KEYS "`endpoint`, `username`, `from` and `password_secret`"

struct json {
  const char *at, *end;
  char *why;
  size_t why_size;
};

/* For `return wrong(...)`: the person who wrote the settings reads it. */
static bool wrong(struct json *json, const char *key, const char *what) {
  if (key != NULL)
    snprintf(json->why, json->why_size, "`%s` %s", key, what);
  else
    snprintf(json->why, json->why_size, "the settings %s; the keys are " KEYS, what);
  return false;
}

static void pass_blanks(struct json *json) {
  while (json->at < json->end && (*json->at == ' ' || *json->at == '\t' || *json->at == '\r' ||
                                  *json->at == '\n'))
    json->at++;
}

static bool next_is(struct json *json, char c) {
  pass_blanks(json);
  if (json->at == json->end || *json->at != c) return false;
  json->at++;
  return true;
}

static bool hex4(struct json *json, uint32_t *value) {
  int i;
  *value = 0;
  if (json->end - json->at < 4) return false;
  for (i = 0; i < 4; i++) {
    static const char DIGITS[] = "0123456789abcdef0123456789ABCDEF";
    const char *digit = strchr(DIGITS, json->at[i]);
    if (digit == NULL || *digit == '\0') return false;
    *value = *value << 4 | (uint32_t)((digit - DIGITS) & 15);
  }
  json->at += 4;
  return true;
}

/* Behind `\u`: a character, which may be two surrogates. */
static bool escaped_character(struct json *json, uint32_t *c) {
  uint32_t low;
  if (!hex4(json, c)) return false;
  if (*c < 0xd800 || *c > 0xdfff) return *c != 0; /* a text in C ends at a NUL */
  if (*c > 0xdbff || json->end - json->at < 2 || memcmp(json->at, "\\u", 2) != 0) return false;
  json->at += 2;
  if (!hex4(json, &low) || low < 0xdc00 || low > 0xdfff) return false;
  *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
  return true;
}

static void write_utf8(struct writer *w, uint32_t c) {
  char bytes[4];
  size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4, i;
  static const uint32_t LEAD[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (i = len; i-- > 1; c >>= 6) bytes[i] = (char)(0x80 | (c & 0x3f));
  bytes[0] = (char)(LEAD[len] | c);
  write_bytes(w, bytes, len);
}

/* A string into `text`, terminated. `key` is whose it is, for the words where it is wrong. */
static bool string(struct json *json, char *text, size_t size, const char *key) {
  static const char ESCAPES[] = "\"\\/bfnrt", MEANT[] = "\"\\/\b\f\n\r\t";
  struct writer w = {text, 0, size - 1, false};
  if (!next_is(json, '"')) return wrong(json, key, "must be a text in quotes");
  while (json->at < json->end && *json->at != '"') {
    char c = *json->at++;
    if ((unsigned char)c < 0x20) return wrong(json, key, "holds a raw control character");
    if (c == '\\' && json->at < json->end && *json->at == 'u') {
      uint32_t character;
      json->at++;
      if (!escaped_character(json, &character))
        return wrong(json, key, "holds a \\u that is no character, or is NUL");
      write_utf8(&w, character);
    } else if (c == '\\') {
      const char *escape = json->at < json->end ? strchr(ESCAPES, *json->at) : NULL;
      if (escape == NULL || *escape == '\0')
        return wrong(json, key, "holds a \\ before what needs none");
      json->at++;
      write_bytes(&w, &MEANT[escape - ESCAPES], 1);
    } else {
      write_bytes(&w, &c, 1);
    }
  }
  if (json->at == json->end) return wrong(json, key, "has no closing quote");
  json->at++;
  if (w.full) return wrong(json, key, "is too long");
  text[w.len] = '\0';
  return true;
}

static bool member(struct json *json, struct settings *settings) {
  struct {
    const char *key;
    char *place;
    size_t size;
  } known[] = {
      {"endpoint", settings->endpoint, sizeof settings->endpoint},
      {"username", settings->username, sizeof settings->username},
      {"from", settings->from, sizeof settings->from},
      {"password_secret", settings->password_secret, sizeof settings->password_secret},
  };
  char key[64];
  size_t i;
  if (!string(json, key, sizeof key, "(a key)")) return false;
  for (i = 0; i < sizeof known / sizeof *known; i++) {
    if (strcmp(key, known[i].key) != 0) continue;
    if (!next_is(json, ':')) return wrong(json, key, "has no `:` behind it");
    if (known[i].place[0] != '\0') return wrong(json, key, "stands twice");
    if (!string(json, known[i].place, known[i].size, key)) return false;
    return known[i].place[0] != '\0' || wrong(json, key, "is empty");
  }
  return wrong(json, key, "is no key of this channel; the keys are " KEYS);
}

bool settings_read(struct settings *settings, const char *text, size_t len, char *why,
                   size_t why_size) {
  struct json json = {text, text + len, why, why_size};
  bool first = true;
  memset(settings, 0, sizeof *settings);
  if (!is_utf8(text, len)) return wrong(&json, NULL, "are not UTF-8");
  if (!next_is(&json, '{')) return wrong(&json, NULL, "must be a JSON object");
  while (!next_is(&json, '}')) {
    if (!first && !next_is(&json, ',')) return wrong(&json, NULL, "lack a `,` or the last `}`");
    if (!member(&json, settings)) return false;
    first = false;
  }
  pass_blanks(&json);
  if (json.at != json.end) return wrong(&json, NULL, "go on behind their `}`");
  if (settings->endpoint[0] == '\0') return wrong(&json, "endpoint", "is missing");
  if (settings->username[0] == '\0') return wrong(&json, "username", "is missing");
  if (settings->from[0] == '\0') return wrong(&json, "from", "is missing");
  if (settings->password_secret[0] == '\0')
    return wrong(&json, "password_secret", "is missing");
  return true;
}
