// Protobuf as far as this channel needs it: what it reads of a SendRequest, and the small messages
// that it answers with. The meaning of the fields is in recoup's channel.proto.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wire {

// Writes a message. What is empty or 0 is left out, as proto3 has it.
class Message {
 public:
  // A field of type bool, enum, int64 and the like.
  Message &number(std::uint32_t field, std::uint64_t value);
  // A field of type string, bytes or a message.
  Message &text(std::uint32_t field, std::string_view value);

  const std::string &bytes() const { return bytes_; }

 private:
  void varint(std::uint64_t value);

  std::string bytes_;
};

enum class Address { none, e164, other };
enum class Content { none, debtor, third_party };

// What this channel looks at in a SendRequest.
struct SendRequest {
  std::string idempotency_key;
  Address address = Address::none;
  std::string e164;
  Content content = Content::none;
  std::string body;
  std::string template_id;
  bool attachments = false;
};

// Nothing: these bytes are no SendRequest.
std::optional<SendRequest> read_send_request(std::string_view bytes);

bool is_utf8(std::string_view text);

}  // namespace wire
