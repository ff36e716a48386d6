#include "harness/live/http.hpp"

#include <httplib.h>
#include <array>

namespace predrill::harness::live {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr const char* json_type = "application/json";

httplib::Client client_of(const HttpRequest& request) {
  httplib::Client client(request.address, request.port);
  client.set_connection_timeout(request.timeout);
  client.set_read_timeout(request.timeout);
  client.set_write_timeout(request.timeout);
  return client;
}

}  // namespace

HttpReply http(const HttpRequest& request) {
  httplib::Client client = client_of(request);
  httplib::Result result = [&] {
    if (request.method == "POST") return client.Post(request.path, request.body, json_type);
    if (request.method == "PATCH") return client.Patch(request.path, request.body, json_type);
    if (request.method == "OPTIONS") return client.Options(request.path);
    return client.Get(request.path);
  }();
  if (!result) return {};
  return {result->status, result->body};
}

void http_stream(const HttpRequest& request, const std::function<bool(std::string_view)>& take) {
  httplib::Client client = client_of(request);
  httplib::Request post;
  post.method = "POST";
  post.path = request.path;
  post.body = request.body;
  post.set_header("Content-Type", json_type);
  post.content_receiver = [&take](const char* data, std::size_t size, std::uint64_t,
                                  std::uint64_t) { return take(std::string_view(data, size)); };
  httplib::Response response;
  httplib::Error error{};
  client.send(post, response, error);
}

std::string base64(std::string_view bytes) {
  std::string text;
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : bytes) {
    buffer = buffer << 8 | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6) text += alphabet[buffer >> (bits - 6) & 63];
  }
  if (bits > 0) text += alphabet[buffer << (6 - bits) & 63];
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::string from_base64(std::string_view text) {
  std::string bytes;
  std::uint32_t buffer = 0;
  int bits = 0;
  for (const char c : text) {
    const std::size_t value = alphabet.find(c);
    if (value == std::string_view::npos) break;
    buffer = buffer << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes += static_cast<char>(buffer >> bits & 255);
    }
  }
  return bytes;
}

}  // namespace predrill::harness::live
