#include "harness/input/utf8.hpp"

namespace predrill::harness {

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[i])) return 0;
  }
  // The second byte excludes longer forms than needed, surrogates and values beyond U+10FFFF.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)) return 0;
  if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) return 0;
  return length;
}

std::size_t find_invalid_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

void append_utf8(std::string& out, std::uint32_t code_point) {
  const auto add = [&](std::uint32_t bits) { out += static_cast<char>(bits); };
  if (code_point < 0x80) {
    add(code_point);
  } else if (code_point < 0x800) {
    add(0xc0U | code_point >> 6);
    add(0x80U | (code_point & 0x3fU));
  } else if (code_point < 0x10000) {
    add(0xe0U | code_point >> 12);
    add(0x80U | (code_point >> 6 & 0x3fU));
    add(0x80U | (code_point & 0x3fU));
  } else {
    add(0xf0U | code_point >> 18);
    add(0x80U | (code_point >> 12 & 0x3fU));
    add(0x80U | (code_point >> 6 & 0x3fU));
    add(0x80U | (code_point & 0x3fU));
  }
}

}  // namespace predrill::harness
