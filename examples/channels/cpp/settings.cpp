#include "settings.hpp"

#include <cstdint>
#include <stdexcept>

#include "wire.hpp"

const std::string_view Settings::schema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "{{name}}: text messages over an HTTP gateway",
  "type": "object",
  "additionalProperties": false,
  "required": ["endpoint", "username", "from", "password_secret"],
  "properties": {
    "endpoint": {
      "type": "string",
      "minLength": 1,
      "description": "URL of sendsms without a query, http://host:port/cgi-bin/sendsms"
    },
    "username": { "type": "string", "minLength": 1, "description": "The account's name at the gateway" },
    "from": { "type": "string", "minLength": 1, "description": "The sender that people see" },
    "password_secret": {
      "type": "string",
      "minLength": 1,
      "format": "recoup-secret",
      "description": "Name of the secret that is the account's password"
    }
  }
})";

namespace {

using namespace std::string_literals;

const char *const keys = "the keys are `endpoint`, `username`, `from` and `password_secret`";

[[noreturn]] void wrong(const std::string &what) { throw std::invalid_argument(what); }

std::string utf8(std::uint32_t c) {
  const auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
  const auto more = [&](int shift) { return byte(0x80 | (c >> shift & 0x3f)); };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xc0 | c >> 6), more(0)};
  if (c < 0x10000) return {byte(0xe0 | c >> 12), more(6), more(0)};
  return {byte(0xf0 | c >> 18), more(12), more(6), more(0)};
}

class Json {
 public:
  explicit Json(std::string_view rest) : rest_(rest) {}

  bool at_end() {
    pass_blanks();
    return rest_.empty();
  }

  bool next_is(char c) {
    if (at_end() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // A string. `whose` is for the words where it is wrong.
  std::string string(const std::string &whose) {
    if (!next_is('"')) wrong(whose + " must be a text in quotes; " + keys);
    std::string text;
    for (char c = take(whose); c != '"'; c = take(whose)) {
      if (static_cast<unsigned char>(c) < 0x20) wrong(whose + " holds a raw control character");
      text += c == '\\' ? escaped(whose) : std::string(1, c);
    }
    return text;
  }

 private:
  void pass_blanks() {
    const auto count = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(count == std::string_view::npos ? rest_.size() : count);
  }

  char take(const std::string &whose) {
    if (rest_.empty()) wrong(whose + " has no closing quote");
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  std::string escaped(const std::string &whose) {
    static const std::string_view escapes = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
    const char c = take(whose);
    if (const auto at = escapes.find(c); at != std::string_view::npos) return {meant[at]};
    if (c != 'u') wrong(whose + " holds a \\ before what needs none");
    std::uint32_t character = hex4(whose);
    if (character >= 0xd800 && character < 0xdc00) {  // the first of two surrogates
      const bool pair = take(whose) == '\\' && take(whose) == 'u';
      const std::uint32_t low = pair ? hex4(whose) : 0;
      if (low < 0xdc00 || low > 0xdfff) wrong(whose + " holds a \\u that is half a character");
      character = 0x10000 + ((character - 0xd800) << 10) + (low - 0xdc00);
    } else if (character >= 0xdc00 && character < 0xe000) {
      wrong(whose + " holds a \\u that is half a character");
    }
    return utf8(character);
  }

  std::uint32_t hex4(const std::string &whose) {
    static const std::string_view digits = "0123456789abcdef0123456789ABCDEF";
    std::uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
      const auto digit = digits.find(take(whose));
      if (digit == std::string_view::npos) wrong(whose + " holds a \\u without four digits");
      value = value << 4 | static_cast<std::uint32_t>(digit & 15);
    }
    return value;
  }

  std::string_view rest_;
};

}  // namespace

Settings Settings::read(std::string_view text) {
  if (!wire::is_utf8(text)) wrong("the settings are not UTF-8");
  Settings settings;
  const struct {
    const char *key;
    std::string &place;
  } known[] = {{"endpoint", settings.endpoint},
               {"username", settings.username},
               {"from", settings.from},
               {"password_secret", settings.password_secret}};
  Json json(text);
  if (!json.next_is('{')) wrong("the settings must be a JSON object; "s + keys);
  for (bool first = true; !json.next_is('}'); first = false) {
    if (!first && !json.next_is(',')) wrong("the settings lack a `,` or the last `}`");
    const std::string key = json.string("a key");
    std::string *place = nullptr;
    for (const auto &one : known)
      if (key == one.key) place = &one.place;
    if (place == nullptr) wrong("`" + key + "` is no key of this channel; " + keys);
    if (!place->empty()) wrong("`" + key + "` stands twice");
    if (!json.next_is(':')) wrong("`" + key + "` has no `:` behind it");
    *place = json.string("`" + key + "`");
    if (place->empty()) wrong("`" + key + "` is empty");
  }
  if (!json.at_end()) wrong("the settings go on behind their `}`");
  for (const auto &one : known)
    if (one.place.empty()) wrong("`"s + one.key + "` is missing");
  return settings;
}
