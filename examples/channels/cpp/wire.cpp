#include "wire.hpp"

#include <limits>

namespace wire {

void Message::varint(std::uint64_t value) {
  for (; value > 0x7f; value >>= 7) bytes_.push_back(static_cast<char>(0x80 | (value & 0x7f)));
  bytes_.push_back(static_cast<char>(value));
}

Message &Message::number(std::uint32_t field, std::uint64_t value) {
  if (value == 0) return *this;
  varint(std::uint64_t{field} << 3);
  varint(value);
  return *this;
}

Message &Message::text(std::uint32_t field, std::string_view value) {
  if (value.empty()) return *this;
  varint(std::uint64_t{field} << 3 | 2);
  varint(value.size());
  bytes_.append(value);
  return *this;
}

namespace {

// Ends the reading, within this file.
struct Malformed {};

struct Field {
  std::uint32_t number = 0, type = 0;
  std::string_view inside;  // of type 2; empty for the others
};

// The rest of a message. Each read takes from the front and never looks behind the end.
class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}

  bool at_end() const { return rest_.empty(); }

  // The next field. Fields that this version does not know are read like all others: who does not
  // ask for their number passes over them, as the ABI wants it.
  Field field() {
    const std::uint64_t key = varint();
    if (key > std::numeric_limits<std::uint32_t>::max() || key >> 3 == 0) throw Malformed{};
    Field field;
    field.number = static_cast<std::uint32_t>(key >> 3);
    field.type = static_cast<std::uint32_t>(key & 7);
    switch (field.type) {
      case 0: varint(); break;
      case 1: take(8); break;
      case 2: field.inside = take(varint()); break;
      case 5: take(4); break;
      // Groups, which proto3 does not have, and what is no type at all.
      default: throw Malformed{};
    }
    return field;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      if (shift == 63 && byte > 1) throw Malformed{};  // over 64 bits
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    throw Malformed{};
  }

  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) throw Malformed{};
    const auto taken = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_;
};

std::string_view message(const Field &field) {
  if (field.type != 2) throw Malformed{};
  return field.inside;
}

std::string text(const Field &field) {
  if (!is_utf8(message(field))) throw Malformed{};
  return std::string(field.inside);
}

// Of an address or a content that comes twice the last one counts, and a message that comes in two
// parts is one: so these write into what is there already.
void read_destination(SendRequest &request, Reader reader) {
  while (!reader.at_end()) {
    const Field field = reader.field();
    if (field.number == 1) {
      request.e164 = text(field);
      request.address = Address::e164;
    } else if (field.number >= 2 && field.number <= 4) {
      request.address = Address::other;
    }
  }
}

void read_content(SendRequest &request, Content content, Reader reader) {
  if (request.content != content) {
    request.body.clear();
    request.template_id.clear();
    request.attachments = false;
  }
  request.content = content;
  while (!reader.at_end()) {
    const Field field = reader.field();
    if (field.number == 2) request.body = text(field);
    if (content != Content::debtor) continue;
    if (field.number == 3) request.template_id = text(field);
    if (field.number == 6) request.attachments = true;
  }
}

}  // namespace

std::optional<SendRequest> read_send_request(std::string_view bytes) {
  SendRequest request;
  Reader reader(bytes);
  try {
    while (!reader.at_end()) {
      const Field field = reader.field();
      switch (field.number) {
        case 2: request.idempotency_key = text(field); break;
        case 4: read_destination(request, Reader(message(field))); break;
        case 5: read_content(request, Content::debtor, Reader(message(field))); break;
        case 6: read_content(request, Content::third_party, Reader(message(field))); break;
        default: break;
      }
    }
  } catch (const Malformed &) {
    return std::nullopt;
  }
  return request;
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    std::uint32_t c = static_cast<unsigned char>(text[at]);
    std::size_t size = 1;
    if (c >= 0xc2 && c < 0xe0) {
      size = 2, c &= 0x1f;
    } else if (c >= 0xe0 && c < 0xf0) {
      size = 3, c &= 0x0f;
    } else if (c >= 0xf0 && c < 0xf5) {
      size = 4, c &= 0x07;
    } else if (c >= 0x80) {
      return false;
    }
    if (size > text.size() - at) return false;
    for (std::size_t i = at + 1; i < at + size; i++) {
      const auto next = static_cast<unsigned char>(text[i]);
      if ((next & 0xc0) != 0x80) return false;
      c = c << 6 | (next & 0x3fu);
    }
    // Too long for its value, a surrogate, or behind the last character.
    if ((size == 3 && c < 0x800) || (size == 4 && (c < 0x10000 || c > 0x10ffff))) return false;
    if (c >= 0xd800 && c < 0xe000) return false;
    at += size;
  }
  return true;
}

}  // namespace wire
