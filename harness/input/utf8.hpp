// UTF-8 as RFC 3629 defines it: shortest forms only, no surrogates, nothing beyond U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace predrill::harness {

/// Bytes of the character that the text begins with; 0 if it is empty or not UTF-8.
std::size_t utf8_length(std::string_view text);

/// Offset of the first byte that is not UTF-8, or npos.
std::size_t find_invalid_utf8(std::string_view text);

/// Appends a code point; the caller has excluded surrogates and values beyond U+10FFFF.
void append_utf8(std::string& out, std::uint32_t code_point);

/// True for the second and later bytes of a character.
constexpr bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
}

}  // namespace predrill::harness
