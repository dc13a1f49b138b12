// {{name}}: text messages over an HTTP gateway in the shape of Kannel's `sendsms`.
//
// Start reading at `Call::attempt`, which is one contact from its check to its end, then `judge`:
// what the gateway's answer proves. One rule stands above all others: a person is never contacted
// twice for one planned contact. So whatever is not proven unsent is RECOUP_E_UNKNOWN.
//
// Each call has a thread of its own. There is no lock: what threads share is never written after
// `create`, except for one mark each. No exception leaves a function that the host calls, nor one
// that the host calls back: it is built in another language, and has nothing to catch it with.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "http.hpp"
#include "recoup_channel.h"
#include "settings.hpp"
#include "wire.hpp"

namespace {

constexpr const char *id = "com.example.{{name_}}";  // yours, in reverse domain order; it never changes
constexpr const char *version = "0.1.0";
constexpr std::size_t in_flight_max = 8;
constexpr std::uint32_t parts_max = 10;

// Numbers of channel.proto.
constexpr std::uint64_t contact_class_sms = 2, health_state_ok = 1, health_state_down = 3;

recoup_bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t *>(text.data()), text.size()};
}

std::string_view text_of(recoup_bytes bytes) {
  if (bytes.len == 0) return {};  // the pointer may be NULL then
  return {reinterpret_cast<const char *>(bytes.ptr), bytes.len};
}

// How a call ends: a status of the ABI, and the bytes of a Receipt, a Health or a Failure.
struct End {
  std::int32_t status;
  std::string bytes;
};

End failure(std::int32_t status, std::string_view message, std::uint64_t retry_after_ms = 0) {
  return {status, wire::Message().text(1, message).number(2, retry_after_ms).bytes()};
}

// A text with a password in it. Its place is as large as it gets from the beginning, so that it
// leaves no copies behind when it grows.
class Sensitive {
 public:
  explicit Sensitive(std::size_t bytes_max) { text.reserve(bytes_max); }
  Sensitive(const Sensitive &) = delete;
  Sensitive &operator=(const Sensitive &) = delete;
  ~Sensitive() {
    text.resize(text.capacity());
    ::explicit_bzero(text.data(), text.size());
  }

  std::string text;
};

// The host's services, as this channel uses them.
class Host {
 public:
  explicit Host(const recoup_host_v1 &table) : table_(&table) {}

  void complete(std::uint64_t call_id, std::int32_t status, std::string_view bytes) const {
    table_->complete(table_->ctx, call_id, status, bytes_of(bytes));
  }

  bool began(std::uint64_t call_id) const { return table_->began(table_->ctx, call_id) >= 0; }

  // Wall time comes from the host alone, and never from the system: it may be stepped.
  std::int64_t wall_unix_ms() const {
    std::int64_t now = INT64_MAX;
    table_->now(table_->ctx, &now, nullptr);
    return now;
  }

  // False: there is no such secret, or it is longer than its place.
  bool secret(std::string_view name, Sensitive &into) const {
    return table_->secret(table_->ctx, bytes_of(name), &into, take) == RECOUP_OK &&
           !into.text.empty();
  }

 private:
  static void take(void *user, recoup_bytes bytes) noexcept {
    std::string &text = static_cast<Sensitive *>(user)->text;
    if (bytes.len <= text.capacity()) text.assign(text_of(bytes));
  }

  const recoup_host_v1 *table_;
};

constexpr std::size_t password_bytes_max = 256;

// ---------------------------------------------------------------- what may be sent

bool is_e164(std::string_view number) {
  return number.size() >= 8 && number.size() <= 16 && number.front() == '+' &&
         number.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

// True where each character is one of GSM-7's and takes one place there. The others of GSM-7 go as
// UCS-2, too, which is never wrong and sometimes dearer.
bool is_gsm7(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\n' || c == '\r' ||
           (c >= ' ' && c <= '~' && std::strchr("[\\]^`{|}~", c) == nullptr);
  });
}

// How many parts the gateway makes of it. No character is cut in two.
std::uint32_t parts_of(std::string_view text) {
  const bool gsm7 = is_gsm7(text);
  const std::size_t whole = gsm7 ? 160 : 70, part = gsm7 ? 153 : 67;
  std::size_t all = 0, room = part;
  std::uint32_t parts = 1;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) == 0x80) continue;             // not the first byte of a character
    const std::size_t units = byte >= 0xf0 ? 2 : 1;  // of UTF-16
    all += units;
    if (units > room) {
      parts++;
      room = part;
    }
    room -= units;
  }
  return all <= whole ? 1 : parts;
}

// Why this channel cannot send it, or nothing. Nothing in here may repeat the text or the number.
std::string_view refusal(const wire::SendRequest &request) {
  if (request.address != wire::Address::e164) return "a text message goes to a phone number";
  if (!is_e164(request.e164)) return "the number is not in E.164, `+` and 7 to 15 digits";
  if (request.content == wire::Content::none) return "the request has no content";
  if (!request.template_id.empty()) return "this gateway knows no templates";
  if (request.attachments) return "a text message carries no attachments";
  if (request.body.empty()) return "the text is empty";
  if (parts_of(request.body) > parts_max) return "the text has more than 10 parts";
  return {};
}

void append_request(std::string &to, const http::Endpoint &endpoint, const Settings &settings,
                    std::string_view password, const wire::SendRequest &request) {
  const auto pair = [&](const char *name, std::string_view value) {
    to += name;
    http::append_escaped(to, value);
  };
  to += "GET " + endpoint.path;
  pair("?username=", settings.username);
  pair("&password=", password);
  pair("&from=", settings.from);
  pair("&to=", request.e164);
  pair("&coding=", is_gsm7(request.body) ? "0" : "2");
  pair("&charset=", "UTF-8");
  pair("&text=", request.body);
  // The contact's key: by it the carrier, and whoever asks it later, finds the contact.
  pair("&binfo=", request.idempotency_key);
  to += " HTTP/1.1\r\nHost: " + endpoint.authority;
  to += "\r\nAccept: text/plain\r\nConnection: close\r\n\r\n";
}

// ---------------------------------------------------------------- what an answer proves

// Enough of an answer to recognise it by. A message must be UTF-8, and this may be anything.
std::string shortened(std::string_view body) {
  std::string text;
  for (const char c : body) {
    const auto byte = static_cast<unsigned char>(c);
    if (text.size() < 200 && byte >= 0x20 && byte != 0x7f) text += byte < 0x80 ? c : '?';
  }
  text.erase(text.find_last_not_of(' ') + 1);
  text.erase(0, text.find_first_not_of(' '));
  return text;
}

// `0: Accepted for delivery`, `3: Queued for later delivery`; newer gateways put `: <id>` behind.
End taken(const std::string &text, std::uint32_t parts) {
  const auto first = text.find(':');
  auto code = text.substr(0, first);
  code.erase(code.find_last_not_of(' ') + 1);
  if (first == std::string::npos || (code != "0" && code != "3"))
    return failure(RECOUP_E_UNKNOWN,
                   "the gateway answered 202 with a text that is not its own: " + text);
  std::string provider_ref;
  if (const auto second = text.find(':', first + 1); second != std::string::npos)
    provider_ref = text.substr(std::min(text.find_first_not_of(' ', second + 1), text.size()));
  return {RECOUP_OK, wire::Message().text(1, provider_ref).number(5, parts).bytes()};
}

// The gateway's own lists are the person's or the operator's will; all else is our mistake.
std::int32_t refused(std::string text) {
  for (char &c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  for (const char *words :
       {"not allowed", "black-list", "blacklist", "white-list", "do not contact"})
    if (text.find(words) != std::string::npos) return RECOUP_E_REJECTED;
  return RECOUP_E_PERMANENT;
}

// Only what the gateway documents is a proof. A 5xx or a proxy's page may come after the text was
// taken, so anything else is UNKNOWN.
End judge(const http::Answer &answer, std::uint32_t parts) {
  const std::string text = shortened(answer.body);
  switch (answer.status) {
    case 202:
      return taken(text, parts);
    case 400:
      return failure(refused(text), "the gateway refuses the text or its receiver: " + text);
    case 403:
      return failure(RECOUP_E_AUTH,
                     "the gateway does not accept `username` and the password: " + text);
    case 404:
      return failure(RECOUP_E_PERMANENT,
                     "the gateway has no such service; check the path of `endpoint`: " + text);
    case 429:
      return failure(RECOUP_E_RATE_LIMITED, "the gateway refuses for now: " + text,
                     answer.retry_after_s * 1000);
    default:
      return failure(RECOUP_E_UNKNOWN, "the gateway answered " + std::to_string(answer.status) +
                                           ", and may have taken it: " + text);
  }
}

// ---------------------------------------------------------------- one contact

// What all calls of an instance share, and none changes.
struct Account {
  Host host;
  Settings settings;
  http::Endpoint endpoint;
};

// One call and its thread, which is joined where the call ends its life. A std::thread takes the
// system's stack of some 8 MiB, which counts as the channel's memory: 8 calls at once want a
// `memory_mib` well above 64. Its default is 512.
class Call {
 public:
  Call(const Account &account, std::uint64_t id, const recoup_call_v1 &times,
       wire::SendRequest request)
      : account_(account),
        id_(id),
        not_after_unix_ms_(times.not_after_unix_ms),
        deadline_(http::Clock::now() + std::chrono::milliseconds(times.timeout_ms)),
        request_(std::move(request)),
        thread_([this] { run(); }) {}
  Call(const Call &) = delete;
  Call &operator=(const Call &) = delete;
  ~Call() { thread_.join(); }

  // The host may hand over the next call.
  bool is_completed() const { return completed_; }

 private:
  void run() noexcept {
    // Where even the words for an end find no memory, an end must still come.
    std::int32_t status = RECOUP_E_UNKNOWN;
    std::string bytes;
    try {
      End end = attempt();
      status = end.status;
      bytes = std::move(end.bytes);
    } catch (...) {
      status = begun_ ? RECOUP_E_UNKNOWN : RECOUP_E_RETRYABLE;
    }
    // The mark comes first: the host may hand over the next call as soon as this one is completed.
    completed_ = true;
    account_.host.complete(id_, status, bytes);
  }

  End attempt() {
    try {
      check_not_after();  // first, since it costs no connection
      if (const auto why = refusal(request_); !why.empty())
        return failure(RECOUP_E_PERMANENT, "not sent: " + std::string(why));
      Sensitive password(password_bytes_max);
      if (!account_.host.secret(account_.settings.password_secret, password))
        return failure(RECOUP_E_AUTH, "not sent: the secret `" +
                                          account_.settings.password_secret +
                                          "` is not given any more");
      Sensitive request(16 * 1024);
      append_request(request.text, account_.endpoint, account_.settings, password.text, request_);
      const auto answer =
          http::exchange(account_.endpoint, request.text, deadline_, [this] { begin(); });
      return judge(answer, parts_of(request_.body));
    } catch (const std::exception &error) {
      if (!begun_) return failure(RECOUP_E_RETRYABLE, error.what());
      return failure(RECOUP_E_UNKNOWN,
                     "the gateway may have taken it: " + std::string(error.what()));
    }
  }

  void check_not_after() const {
    if (not_after_unix_ms_ != 0 && account_.host.wall_unix_ms() >= not_after_unix_ms_)
      throw std::runtime_error("not sent: it is past this contact's not_after");
  }

  // The last thing before the first byte. The order matters: once the host knows that it began, a
  // failure counts as a contact made.
  void begin() {
    check_not_after();
    if (http::Clock::now() >= deadline_)
      throw std::runtime_error("not sent: the call's time is over");
    if (!account_.host.began(id_)) throw std::runtime_error("not sent: the core refused it");
    begun_ = true;
  }

  const Account &account_;
  const std::uint64_t id_;
  const std::int64_t not_after_unix_ms_;
  const http::Clock::time_point deadline_;
  const wire::SendRequest request_;
  bool begun_ = false;  // the thread's own
  std::atomic<bool> completed_{false};
  std::thread thread_;  // last: it starts when all the others are there
};

class Instance {
 public:
  explicit Instance(Account account) : account_(std::move(account)) {}

  std::int32_t send(std::uint64_t call_id, const recoup_call_v1 &times, std::string_view bytes) {
    // A call that is over leaves its thread, which is at its last line or behind it.
    const auto free = std::find_if(calls_.begin(), calls_.end(), [](const auto &call) {
      return call == nullptr || call->is_completed();
    });
    if (free == calls_.end()) return RECOUP_BUSY;
    free->reset();
    auto request = wire::read_send_request(bytes);
    if (!request) return RECOUP_INVALID;
    *free = std::make_unique<Call>(account_, call_id, times, std::move(*request));
    return RECOUP_OK;
  }

  // Whether it could send. It asks no gateway: there is no request that certainly reaches nobody.
  void health(std::uint64_t call_id) const {
    Sensitive password(password_bytes_max);
    wire::Message health;
    if (account_.host.secret(account_.settings.password_secret, password))
      health.number(1, health_state_ok);
    else
      health.number(1, health_state_down)
          .text(2, "the secret that `password_secret` names is not given any more");
    account_.host.complete(call_id, RECOUP_OK, health.bytes());
  }

 private:
  const Account account_;
  // Its end joins the calls in flight, each of which ends with its own time. They are not cut off: a
  // request that is cut leaves a doubt, and one that is waited for has an answer.
  std::array<std::unique_ptr<Call>, in_flight_max> calls_;
};

Account set_up(const recoup_host_v1 &host, std::string_view config_json) {
  // How long a table is, and no version, tells what is in it.
  constexpr std::size_t used = offsetof(recoup_host_v1, now) + sizeof(recoup_host_v1::now);
  if (host.abi_major != RECOUP_ABI_MAJOR || host.struct_size < used)
    throw std::invalid_argument("the host speaks ABI " + std::to_string(host.abi_major) + "." +
                                std::to_string(host.abi_minor) + ", and this channel ABI " +
                                std::to_string(RECOUP_ABI_MAJOR));
  auto settings = Settings::read(config_json);
  auto endpoint = http::Endpoint::read(settings.endpoint);
  Account account{Host(host), std::move(settings), std::move(endpoint)};
  Sensitive password(password_bytes_max);
  if (!account.host.secret(account.settings.password_secret, password))
    throw std::invalid_argument("`password_secret` names the secret `" +
                                account.settings.password_secret +
                                "`, which this channel is not given, or which is empty or over " +
                                std::to_string(password_bytes_max) + " bytes");
  return account;
}

// ---------------------------------------------------------------- the table

std::int32_t create(const recoup_host_v1 *host, recoup_bytes config_json, void **instance,
                    void *user, recoup_sink err) noexcept {
  try {
    *instance = new Instance(set_up(*host, text_of(config_json)));
    return RECOUP_OK;
  } catch (const std::exception &error) {
    err(user, bytes_of(error.what()));
  } catch (...) {
    err(user, bytes_of("an exception of an unknown kind"));
  }
  return RECOUP_REFUSED;
}

std::int32_t send(void *instance, std::uint64_t call_id, const recoup_call_v1 *times,
                  recoup_bytes request) noexcept {
  constexpr std::size_t used =
      offsetof(recoup_call_v1, not_after_unix_ms) + sizeof(recoup_call_v1::not_after_unix_ms);
  if (times->struct_size < used || request.len > RECOUP_MESSAGE_BYTES_MAX) return RECOUP_INVALID;
  try {
    return static_cast<Instance *>(instance)->send(call_id, *times, text_of(request));
  } catch (...) {  // no memory or no thread: it was not taken
    return RECOUP_BUSY;
  }
}

std::int32_t health(void *instance, std::uint64_t call_id, const recoup_call_v1 *,
                    recoup_bytes) noexcept {
  try {
    static_cast<const Instance *>(instance)->health(call_id);
    return RECOUP_OK;
  } catch (...) {
    return RECOUP_BUSY;
  }
}

void destroy(void *instance) noexcept { delete static_cast<Instance *>(instance); }

struct Library {
  std::string descriptor;
  recoup_channel_v1 table{};

  Library() {
    wire::Message can, all;
    can.number(8, true);            // began: on every path, see `Call::begin`
    can.number(11, in_flight_max);  // max_in_flight
    all.text(1, id)
        .text(2, version)
        .text(3, "{{name}}")  // vendor
        .text(4, "sms")       // kind
        .number(5, contact_class_sms)
        .text(6, can.bytes())
        .text(7, Settings::schema)
        .text(9, "config:endpoint");  // egress
    descriptor = all.bytes();
    table.magic = RECOUP_MAGIC;
    table.struct_size = sizeof table;
    table.abi_major = RECOUP_ABI_MAJOR;
    table.abi_minor = RECOUP_ABI_MINOR;
    table.descriptor = bytes_of(descriptor);
    table.create = create;
    table.send = send;
    table.health = health;
    table.destroy = destroy;
  }
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const recoup_channel_v1 *recoup_channel_entry_v1(
    std::uint32_t) {  // every host of this major can be served
  try {
    // Made at the first question, and never unmade: the table has to be there until the process ends.
    static const Library *const library = new Library;
    return &library->table;
  } catch (...) {
    return nullptr;
  }
}
