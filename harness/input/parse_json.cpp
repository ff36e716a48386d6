// JSON with // and /* */ comments. Our own reader, because nlohmann-json knows no places: its SAX
// interface reports a value only after it has read past it, turns numbers into doubles (so that
// 1e999 and 20 digits are lost) and stops at the first problem, where this one goes on behind a
// trailing comma, a missing comma, a doubled key or a misspelt number.
#include <algorithm>
#include <array>

#include "harness/input/nearest.hpp"
#include "harness/input/source_text.hpp"
#include "harness/input/utf8.hpp"

namespace predrill::harness {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_word(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
         c == '+' || c == '.' || c == '%' || static_cast<unsigned char>(c) >= 0x80;
}

// RFC 8259, section 6.
bool is_json_number(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t start = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at > start;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const std::size_t whole = at;
  if (!digits()) return false;
  if (text[whole] == '0' && at - whole > 1) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!digits()) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits()) return false;
  }
  return at == text.size();
}

class JsonParser {
 public:
  JsonParser(SourceText& source, const Limits& limits, Diagnostics& diagnostics)
      : source_(source),
        text_(source.text()),
        limits_(limits),
        diagnostics_(diagnostics),
        budget_(limits.values) {}

  bool parse(std::vector<Node>& parts) {
    if (!skip_space()) return false;
    if (at_ == text_.size()) return true;  // empty: the caller says so
    Node root;
    if (!read_value(root, 0) || !skip_space()) return false;
    if (at_ < text_.size()) {
      return fail(at_, "text after the end of the document: " + found(), "remove it");
    }
    parts.push_back(std::move(root));
    return true;
  }

 private:
  bool read_value(Node& node, std::size_t depth) {
    if (!budget_.take()) return fail(at_, too_many_values(limits_));
    node.place = source_.place(at_);
    const char c = text_[at_];
    if (c == '{' || c == '[') {
      if (depth == limits_.depth) return fail(at_, too_deep(limits_));
      return c == '{' ? read_map(node, depth + 1) : read_list(node, depth + 1);
    }
    if (c == '"') {
      node.kind = NodeKind::text;
      return read_text(node.text);
    }
    if (is_word(c)) return read_word(node);
    if (c == '\'') return fail(at_, "text in single quotes", "JSON writes text in double quotes");
    return fail(at_, "found " + found() + " where a value should stand");
  }

  bool read_map(Node& node, std::size_t depth) {
    node.kind = NodeKind::map;
    MapBuilder builder(node);
    ++at_;
    for (bool first = true;; first = false) {
      bool ended = false;
      if (!next_entry('}', node.place, first, ended)) return false;
      if (ended) return true;
      if (!read_member(builder, depth)) return false;
    }
  }

  bool read_member(MapBuilder& builder, std::size_t depth) {
    const Place place = source_.place(at_);
    std::string key;
    if (text_[at_] == '"') {
      if (!read_text(key)) return false;
    } else if (is_word(text_[at_])) {
      key = word();
      error(place, "the key " + key + " has no quotation marks", "write " + in_quotes(key));
    } else {
      return fail(at_, "found " + found() + " where a key in double quotes should stand");
    }
    std::optional<Place> first;
    Node& value = builder.add(key, place, first).value;
    const std::size_t path_size = path_.size();
    path_ = child_path(path_, key);
    if (first) {
      error(place, "the key is given twice",
            "the first is in line " + std::to_string(first->line) + "; remove one");
    }
    if (!skip_space()) return false;
    if (at_ == text_.size()) return fail(at_, "the file ends after the key " + in_quotes(key));
    if (text_[at_] != ':') {
      return fail(at_, "found " + found() + " after the key " + in_quotes(key),
                  "a colon should stand here");
    }
    ++at_;
    if (!skip_space()) return false;
    if (at_ == text_.size()) return fail(at_, "the file ends after the key " + in_quotes(key));
    if (!read_value(value, depth)) return false;
    path_.resize(path_size);
    return true;
  }

  bool read_list(Node& node, std::size_t depth) {
    node.kind = NodeKind::list;
    ++at_;
    for (std::size_t index = 0;; ++index) {
      bool ended = false;
      if (!next_entry(']', node.place, index == 0, ended)) return false;
      if (ended) return true;
      const std::size_t path_size = path_.size();
      path_ = child_path(path_, index);
      node.items.emplace_back();
      if (!read_value(node.items.back(), depth)) return false;
      path_.resize(path_size);
    }
  }

  // Moves over the comma to the next entry or over the closing bracket.
  bool next_entry(char close, const Place& open, bool first, bool& ended) {
    if (!skip_space()) return false;
    if (at_ < text_.size() && text_[at_] == ',' && !first) {
      const Place comma = source_.place(at_++);
      if (!skip_space()) return false;
      if (at_ < text_.size() && text_[at_] == close) {
        error(comma, std::string("a comma stands before the closing ") + close, "remove the comma");
      }
    } else if (at_ < text_.size() && !first && text_[at_] != close) {
      const char c = text_[at_];
      if (c != '"' && c != '{' && c != '[' && !is_word(c)) {
        return fail(at_, "found " + found(),
                    std::string("a comma or ") + close + " should stand here");
      }
      error(source_.place(at_), "a comma is missing before " + found(), "write the comma");
    }
    if (at_ == text_.size()) {
      return fail(at_, std::string("the file ends inside the ") + (close == '}' ? "map" : "list") +
                           " that begins in line " + std::to_string(open.line));
    }
    ended = text_[at_] == close;
    if (ended) ++at_;
    return true;
  }

  std::string word() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  bool read_word(Node& node) {
    node.text = word();
    if (node.text == "true" || node.text == "false") {
      node.kind = NodeKind::boolean;
    } else if (node.text == "null") {
      node.kind = NodeKind::null;
    } else if (is_json_number(node.text)) {
      node.kind = NodeKind::number;
    } else {
      node.kind = NodeKind::text;
      constexpr std::array<std::string_view, 3> words = {"true", "false", "null"};
      const std::string meant = nearest(node.text, words);
      const char c = node.text[0];
      const bool like_number = is_digit(c) || c == '-' || c == '+' || c == '.';
      error(
          node.place,
          in_quotes(node.text) +
              (like_number ? " is not a JSON number" : " has no quotation marks"),
          "write " + (meant.empty() || like_number ? "it in double quotes if it is text" : meant));
    }
    return true;
  }

  bool read_text(std::string& out) {
    const std::size_t open = at_++;
    for (;;) {
      const std::size_t start = at_;
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\' &&
             static_cast<unsigned char>(text_[at_]) >= 0x20) {
        ++at_;
      }
      out += text_.substr(start, at_ - start);
      if (at_ == text_.size() || text_[at_] == '\n' || text_[at_] == '\r') {
        return fail(open, "text without a closing quotation mark");
      }
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c == '\\') {
        if (!read_escape(out)) return false;
      } else {
        error(source_.place(at_), "a tab inside text", "write \\t");
        out += text_[at_++];
      }
    }
  }

  bool read_escape(std::string& out) {
    const std::size_t start = at_++;
    if (at_ == text_.size()) return fail(start, "text without a closing quotation mark");
    const char c = text_[at_++];
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view values = "\"\\/\b\f\n\r\t";
    const std::size_t known = names.find(c);
    if (known != std::string_view::npos) {
      out += values[known];
      return true;
    }
    std::uint32_t code = 0;
    if (c != 'u' || !read_hex(code)) return bad_escape(start);
    if (code >= 0xd800 && code <= 0xdbff) {  // the first half of a surrogate pair
      std::uint32_t low = 0;
      if (text_.substr(at_, 2) != "\\u") return bad_escape(start);
      at_ += 2;
      if (!read_hex(low) || low < 0xdc00 || low > 0xdfff) return bad_escape(start);
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff) {
      return bad_escape(start);
    }
    if (code == 0) {
      error(source_.place(start), "a NUL character inside text", "remove it");
    } else {
      append_utf8(out, code);
    }
    return true;
  }

  bool read_hex(std::uint32_t& code) {
    code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = at_ < text_.size() ? text_[at_] : '"';
      const char low = static_cast<char>(c | 0x20);
      if (is_digit(c)) {
        code = code * 16 + static_cast<std::uint32_t>(c - '0');
      } else if (low >= 'a' && low <= 'f') {
        code = code * 16 + static_cast<std::uint32_t>(low - 'a' + 10);
      } else {
        return false;
      }
    }
    return true;
  }

  bool bad_escape(std::size_t start) {
    error(source_.place(start), "an unknown escape in text",
          "known are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u with four hexadecimal digits");
    at_ = start + 1;  // go on with what follows the backslash as it is
    return true;
  }

  bool skip_space() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        ++at_;
      } else if (text_.substr(at_, 2) == "//") {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_.substr(at_, 2) == "/*") {
        const std::size_t end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos) return fail(at_, "a comment without its closing */");
        at_ = end + 2;
      } else if (c == '#') {
        return fail(at_, "a comment with #", "comments begin with // or stand between /* and */");
      } else {
        break;
      }
    }
    return true;
  }

  // What stands at the reading position, for messages.
  std::string found() const {
    if (at_ >= text_.size()) return "the end of the file";
    std::size_t end = at_ + std::max<std::size_t>(utf8_length(text_.substr(at_, 4)), 1);
    if (text_[at_] == '"') end = std::min(text_.find_first_of("\"\n", end), text_.size() - 1) + 1;
    if (is_word(text_[at_])) {
      while (end < text_.size() && is_word(text_[end])) ++end;
    }
    return printable(text_.substr(at_, end - at_), 30);
  }

  void error(const Place& place, std::string message, std::string hint) {
    diagnostics_.error(place, path_, std::move(message), std::move(hint));
  }

  bool fail(std::size_t offset, std::string message, std::string hint = "") {
    error(source_.place(offset), std::move(message), std::move(hint));
    return false;
  }

  SourceText& source_;
  std::string_view text_;
  const Limits& limits_;
  Diagnostics& diagnostics_;
  Budget budget_;
  std::size_t at_ = 0;
  std::string path_;  // of the value being read
};

}  // namespace

bool parse_json(SourceText& source, const Limits& limits, Diagnostics& diagnostics,
                std::vector<Node>& parts) {
  return JsonParser(source, limits, diagnostics).parse(parts);
}

}  // namespace predrill::harness
