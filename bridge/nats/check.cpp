// What of a pair can be checked without a server, and how it is named there.
#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>

#include <ringbell/transport/ends/sized.hpp>
#include <ringbell/transport/names/name_folder.hpp>

#include "bridge/nats/frame.hpp"
#include "bridge/nats/pairs.hpp"

namespace ringbell::bridge {
namespace {

tl::unexpected<Error> wrong(const std::string& what) {
  return fail(ErrorCode::invalid_argument, what);
}

// As NATS has them: words of printable letters between dots, here without wildcards.
bool is_subject(std::string_view text) noexcept {
  if (text.empty() || text.front() == '.' || text.back() == '.' || text.front() == '$')
    return false;
  const auto is_wrong = [](unsigned char letter) {
    return letter <= ' ' || letter == 127 || letter == '*' || letter == '>';
  };
  return text.find("..") == std::string_view::npos &&
         std::none_of(text.begin(), text.end(), is_wrong);
}

// Of a stream or a consumer.
bool is_name(std::string_view text) noexcept {
  constexpr std::size_t kLongest = 200;
  return text.size() <= kLongest && std::all_of(text.begin(), text.end(), [](unsigned char letter) {
           return std::isalnum(letter) != 0 || letter == '_' || letter == '-';
         });
}

std::string as_name(std::string text) {
  std::replace(text.begin(), text.end(), '.', '_');
  return text;
}

bool is_url(std::string_view url) noexcept {
  for (const std::string_view scheme : {"nats://", "tls://"}) {
    if (url.starts_with(scheme)) return url.size() > scheme.size();
  }
  return false;
}

}  // namespace

std::string stream_of(const Pair& pair) {
  if (!pair.stream.empty()) return pair.stream;
  std::string name = as_name(pair.subject);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  return name;
}

std::string consumer_of(const Pair& pair) {
  return pair.consumer.empty() ? "ringbell-" + as_name(pair.ring) : pair.consumer;
}

Result<void> check(const Pair& pair) {
  if (auto good = check_name(pair.ring); !good) return good;
  if (!is_subject(pair.subject)) {
    return wrong("'" + pair.subject +
                 "' is no subject: words without spaces and wildcards, with dots between them");
  }
  for (std::string_view urls = pair.server.url;;) {
    const std::size_t comma = urls.find(',');
    if (!is_url(urls.substr(0, comma))) {
      return wrong("'" + pair.server.url + "' is no URL of a server: nats://HOST:PORT");
    }
    if (comma == std::string_view::npos) break;
    urls.remove_prefix(comma + 1);
  }
  const Server& server = pair.server;
  if (server.nkey.empty() != server.seed.empty()) {
    return wrong("an nkey is a public key and the file with its seed: both or neither");
  }
  if (!server.nkey.empty() && !server.credentials.empty()) {
    return wrong("credentials are a JWT and its seed: an nkey beside them is one too many");
  }
  if (server.certificate.empty() != server.private_key.empty()) {
    return wrong("a certificate and its private key: both or neither");
  }
  if (pair.durable && !is_name(stream_of(pair))) {
    return wrong("'" + stream_of(pair) + "' is no name of a stream: letters, digits, _ and -");
  }
  if (pair.durable && !is_name(consumer_of(pair))) {
    return wrong("'" + consumer_of(pair) + "' is no name of a consumer: letters, digits, _ and -");
  }
  if (!pair.durable && (!pair.stream.empty() || !pair.consumer.empty() || pair.purge)) {
    return wrong("a stream, a consumer and purging are JetStream's: they need durable");
  }
  if (pair.replicas < 1 || pair.replicas > 5) {
    return wrong("a stream has 1 to 5 replicas");
  }
  if (pair.durable && pair.overflow == Overflow::drop_oldest) {
    return wrong("durable keeps every record: overflow can only be block");
  }
  if (pair.service && pair.durable) {
    return wrong("calls are core NATS' requests: a service cannot be durable");
  }
  if (makes_ring(pair) && core::wrong_field(pair.shape) != core::ShapeField::none) {
    return wrong("there is no ring of that kind and size");
  }
  if (pair.mark_losses && core::has_slots(pair.shape.kind) &&
      sized::message_bytes(pair.shape.message_bytes) < kLossMarkerBytes) {
    return wrong("a mark of losses is a message of 16 bytes: the ring must take these");
  }
  return {};
}

}  // namespace ringbell::bridge
