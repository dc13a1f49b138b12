// One HTTP/1.1 request over a connection of its own: no TLS, no redirects, nothing repeated.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace http {

// Monotonic: it is never stepped, as a wait wants it.
using Clock = std::chrono::steady_clock;

struct Endpoint {
  std::string host, port, path;
  std::string authority;  // host and port as the `Host` header wants them

  // Throws std::invalid_argument, which says what is wrong with the URL.
  static Endpoint read(const std::string &url);
};

struct Answer {
  int status = 0;
  std::uint64_t retry_after_s = 0;  // 0: the gateway does not say
  std::string body;
};

// As in a query: everything but letters, digits and -._~ becomes %XX.
void append_escaped(std::string &to, std::string_view text);

// Connects, calls `begin` right before the first byte, sends, and reads the answer, all before the
// deadline. `begin` throws where nothing may be sent.
//
// Throws std::exception where there is no whole answer. Whether a byte may have left is for `begin`
// to remember: until it returned, none has.
Answer exchange(const Endpoint &endpoint, std::string_view request, Clock::time_point deadline,
                const std::function<void()> &begin);

}  // namespace http
