#include "http.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>

namespace http {
namespace {

constexpr std::size_t answer_bytes_max = 64 * 1024;  // a longer answer is none of this gateway's

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Every byte is checked: what stands in a request's head must not be able to end a line there.
bool all_in(std::string_view text, std::string_view signs) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alphanumeric(c) || signs.find(c) != std::string_view::npos;
  });
}

// Digits and nothing else, at most nine of them: no length or wait of ours is larger.
std::optional<std::uint64_t> number(std::string_view text, unsigned base) {
  static const std::string_view digits = "0123456789abcdef";
  if (text.empty() || text.size() > 9) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    const auto digit = digits.find(lower(c));
    if (digit >= base) return std::nullopt;  // npos is, too
    value = value * base + digit;
  }
  return value;
}

[[noreturn]] void fail(const std::string &what) { throw std::runtime_error(what); }

[[noreturn]] void fail_with(const std::string &what, int error) {
  throw std::system_error(error, std::generic_category(), what);
}

// ---------------------------------------------------------------- the answer

constexpr auto none = std::string_view::npos;

// The next line of `rest`, which loses it; nothing where its end is not there yet.
std::optional<std::string_view> take_line(std::string_view &rest) {
  const auto end = rest.find("\r\n");
  if (end == none) return std::nullopt;
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

std::string_view trimmed(std::string_view text) {
  const auto from = text.find_first_not_of(" \t");
  if (from == none) return {};
  return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

[[noreturn]] void not_http() { fail("reading the answer: it is not HTTP/1.1"); }

// A body in chunks; nothing where more is to come.
std::optional<std::string> join_chunks(std::string_view rest) {
  std::string joined;
  for (;;) {
    const auto line = take_line(rest);
    if (!line) return std::nullopt;
    const auto size = number(line->substr(0, line->find_first_of("; \t")), 16);
    if (!size) not_http();
    if (*size == 0) break;
    if (rest.size() < *size + 2) return std::nullopt;
    if (rest.substr(*size, 2) != "\r\n") not_http();
    joined += rest.substr(0, *size);
    rest.remove_prefix(*size + 2);
  }
  for (;;) {  // trailers, until an empty line
    const auto line = take_line(rest);
    if (!line) return std::nullopt;
    if (line->empty()) return joined;
  }
}

// Looks at what has come so far; nothing where more is to come. A connection that ended early never
// makes a short body: half an answer could be read as another one.
std::optional<Answer> read_answer(std::string_view rest, bool ended) {
  Answer answer;
  const auto first = take_line(rest);
  if (!first) return std::nullopt;
  if (first->size() < 12 || first->substr(0, 7) != "HTTP/1." || (*first)[8] != ' ' ||
      (first->size() > 12 && (*first)[12] != ' '))
    not_http();
  const auto status = number(first->substr(9, 3), 10);
  if (!status) not_http();
  answer.status = static_cast<int>(*status);
  bool chunked = false;
  std::optional<std::uint64_t> length;
  for (;;) {
    const auto line = take_line(rest);
    if (!line) return std::nullopt;
    if (line->empty()) break;
    const auto colon = line->find(':');
    if (colon == none) continue;
    const auto name = line->substr(0, colon), value = trimmed(line->substr(colon + 1));
    if (same(name, "content-length")) {
      const auto found = number(value, 10);
      if (!found || (length && *length != *found)) not_http();
      length = found;
    } else if (same(name, "transfer-encoding")) {
      if (!same(value, "chunked")) not_http();
      chunked = true;
    } else if (same(name, "retry-after")) {
      answer.retry_after_s = number(value, 10).value_or(0);  // it may be a date
    }
  }
  if (chunked) {
    auto body = join_chunks(rest);
    if (!body) return std::nullopt;
    answer.body = std::move(*body);
    return answer;
  }
  if (!length && !ended) return std::nullopt;  // its end is the connection's end
  if (length && rest.size() < *length) return std::nullopt;
  answer.body = rest.substr(0, length ? static_cast<std::size_t>(*length) : none);
  return answer;
}

// ---------------------------------------------------------------- the connection

class Socket {
 public:
  explicit Socket(int family)
      : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    if (fd_ < 0) fail_with("socket", errno);
  }
  Socket(const Socket &) = delete;
  Socket &operator=(const Socket &) = delete;
  ~Socket() { ::close(fd_); }

  void connect(const addrinfo &to, Clock::time_point deadline) const {
    if (::connect(fd_, to.ai_addr, to.ai_addrlen) == 0) return;
    if (errno != EINPROGRESS) fail_with("connect", errno);
    wait(POLLOUT, deadline, "connect");
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) fail_with("connect", error);
  }

  void send(std::string_view bytes, Clock::time_point deadline) const {
    while (!bytes.empty()) {
      // MSG_NOSIGNAL: a closed connection is an error here, and no SIGPIPE for the whole process.
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(count));
      } else if (would_block()) {
        wait(POLLOUT, deadline, "sending");
      } else {
        fail_with("sending", errno);
      }
    }
  }

  Answer receive(Clock::time_point deadline) const {
    std::string all;
    for (;;) {
      char some[4096];
      wait(POLLIN, deadline, "waiting for the answer");
      const ssize_t count = ::recv(fd_, some, sizeof some, 0);
      if (count < 0 && would_block()) continue;
      if (count < 0) fail_with("reading the answer", errno);
      all.append(some, static_cast<std::size_t>(count));
      if (auto answer = read_answer(all, count == 0)) return std::move(*answer);
      if (count == 0) fail("reading the answer: the connection ended before it did");
      if (all.size() > answer_bytes_max) fail("reading the answer: too long");
    }
  }

 private:
  static bool would_block() {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  }

  void wait(short events, Clock::time_point deadline, const char *what) const {
    using std::chrono::milliseconds;
    pollfd look = {fd_, events, 0};
    for (;;) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) fail(std::string(what) + ": no time is left");
      const auto most = std::min<milliseconds::rep>(left, INT_MAX);
      const int found = ::poll(&look, 1, static_cast<int>(most));
      if (found > 0) return;
      if (found < 0 && errno != EINTR) fail_with(what, errno);
    }
  }

  int fd_;
};

// A connection to the first address that takes one. The look-up of a name has no time-out of its own:
// where that takes too long the host ends this channel's process, and since nothing had begun, the
// contact is proven unsent. An address instead of a name, or a resolver on this machine, avoids it.
std::unique_ptr<Socket> connected(const Endpoint &endpoint, Clock::time_point deadline) {
  addrinfo hints = {}, *found = nullptr;
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  const int error = ::getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints, &found);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, ::freeaddrinfo);
  std::string why = error != 0 ? ::gai_strerror(error) : "it has no address";
  for (const addrinfo *one = error == 0 ? found : nullptr; one != nullptr; one = one->ai_next) {
    try {
      auto socket = std::make_unique<Socket>(one->ai_family);
      socket->connect(*one, deadline);
      return socket;
    } catch (const std::exception &failed) {
      why = failed.what();
    }
  }
  fail("not sent: " + endpoint.authority + ": " + why);
}

}  // namespace

Endpoint Endpoint::read(const std::string &url) {
  const auto bad = [&](const char *what) -> std::invalid_argument {
    return std::invalid_argument("`endpoint` is `" + url + "`: " + what);
  };
  std::string_view rest = url;
  if (same(rest.substr(0, 8), "https://"))
    throw bad(
        "this channel has no TLS; let a TLS proxy beside it (stunnel, for example) hold the "
        "connection, and name that by http://");
  if (!same(rest.substr(0, 7), "http://"))
    throw bad("it must look like http://host:port/cgi-bin/sendsms");
  rest.remove_prefix(7);

  Endpoint endpoint;
  const bool bracketed = !rest.empty() && rest.front() == '[';
  if (bracketed) rest.remove_prefix(1);
  endpoint.host = rest.substr(0, rest.find_first_of(bracketed ? "]/?#" : ":/?#"));
  rest.remove_prefix(endpoint.host.size());
  if (endpoint.host.empty() || !all_in(endpoint.host, bracketed ? ":." : ".-_"))
    throw bad("its host must be a name or an address, and nothing before it");
  if (bracketed) {
    if (rest.empty() || rest.front() != ']') throw bad("the `[` of its host is not closed");
    rest.remove_prefix(1);
  }
  endpoint.port = "80";
  if (!rest.empty() && rest.front() == ':') {
    endpoint.port = rest.substr(1, rest.find_first_of("/?#") - 1);
    rest.remove_prefix(1 + endpoint.port.size());
    const auto port = number(endpoint.port, 10);
    if (!port || *port < 1 || *port > 65535) throw bad("its port is not within 1 to 65535");
  }
  if (!rest.empty() && rest.front() != '/') throw bad("it holds more than host and path");
  if (!all_in(rest, "/-._~%!$&'()*+,;=:@"))
    throw bad("its path must be without a query, and escaped");
  endpoint.path = rest.empty() ? "/" : rest;
  endpoint.authority =
      (bracketed ? "[" + endpoint.host + "]" : endpoint.host) + ":" + endpoint.port;
  return endpoint;
}

void append_escaped(std::string &to, std::string_view text) {
  static const char hex[] = "0123456789ABCDEF";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (all_in({&c, 1}, "-._~"))
      to += c;
    else
      to.append({'%', hex[byte >> 4], hex[byte & 15]});
  }
}

Answer exchange(const Endpoint &endpoint, std::string_view request, Clock::time_point deadline,
                const std::function<void()> &begin) {
  const auto socket = connected(endpoint, deadline);
  begin();
  // From here on a byte may be outside, also where sending says that it failed.
  socket->send(request, deadline);
  return socket->receive(deadline);
}

}  // namespace http
