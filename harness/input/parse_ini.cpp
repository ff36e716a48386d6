// pgbouncer.ini, by the rules of PgBouncer's own reader (libusual: usual/cfparser.c): comments only
// at the start of a line (after ; or #), keys of letters, digits and _.-* or in double quotes, the
// value up to the end of the line. Our own reader, because the packaged inih is built without line
// numbers, cuts lines at 200 bytes and takes " ;" inside a password for a comment.
#include <algorithm>

#include "harness/input/source_text.hpp"
#include "harness/input/utf8.hpp"

namespace predrill::harness {
namespace {

constexpr std::string_view blanks = " \t\r\v\f";

constexpr bool is_key_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-' || c == '*';
}

class IniParser {
 public:
  IniParser(SourceText& source, const Limits& limits, Diagnostics& diagnostics, Node& root)
      : source_(source),
        text_(source.text()),
        limits_(limits),
        diagnostics_(diagnostics),
        budget_(limits.values),
        root_(root) {
    root_.kind = NodeKind::map;
    root_.place = source_.place(0);
  }

  // Sections may be opened again; their keys go on where they ended.
  bool parse() {
    while (at_ < text_.size()) {
      end_ = std::min(text_.find('\n', at_), text_.size());
      if (!read_line()) return false;
      at_ = end_ + 1;
    }
    for (Section& section : sections_) root_.members.push_back(std::move(section.member));
    return true;
  }

 private:
  struct Section {
    Member member;
    std::map<std::string, std::size_t> keys;
  };

  bool read_line() {
    skip_blanks();
    if (at_ == end_ || text_[at_] == '#' || text_[at_] == ';') return true;
    if (!budget_.take()) {
      diagnostics_.error(source_.place(at_), "", too_many_values(limits_));
      return false;
    }
    const std::string_view line = text_.substr(at_, end_ - at_);
    const Place place = source_.place(at_);
    if (line.starts_with("%include")) {
      diagnostics_.warning(place, "",
                           "%include is not followed: " + in_quotes(trimmed(line.substr(8))),
                           "its settings are missing from the run");
    } else if (line[0] == '[') {
      read_section(line, place);
    } else {
      read_key(place);
    }
    return true;
  }

  void read_section(std::string_view line, const Place& place) {
    const std::size_t close = line.find(']');
    if (close == std::string_view::npos) {
      diagnostics_.error(place, "", "the section has no closing ]");
      return;
    }
    if (!trimmed(line.substr(close + 1)).empty()) {
      diagnostics_.error(place, "",
                         "text after the section " + in_quotes(line.substr(0, close + 1)));
    }
    const std::string name(line.substr(1, close - 1));
    const auto [entry, is_new] = section_index_.emplace(name, sections_.size());
    current_ = entry->second;
    has_section_ = true;
    if (!is_new) return;
    Section section;
    section.member.key = name;
    section.member.place = section.member.value.place = place;
    section.member.value.kind = NodeKind::map;
    sections_.push_back(std::move(section));
  }

  void read_key(const Place& place) {
    const std::string key = key_word();
    skip_blanks();
    if (key.empty() || at_ == end_ || text_[at_] != '=') {
      diagnostics_.error(place, has_section_ ? sections_[current_].member.key : "",
                         key.empty()
                             ? in_quotes(text_.substr(at_, end_ - at_)) + " is not a setting"
                             : "there is no = after " + in_quotes(key),
                         "a line is [section], key = value or a comment after ; or #");
      return;
    }
    ++at_;
    skip_blanks();
    Node value;
    value.kind = NodeKind::plain;
    value.place = source_.place(at_);
    value.text = trimmed(text_.substr(at_, end_ - at_));
    if (!has_section_) {
      diagnostics_.error(place, child_path("", key), "the setting stands before the first section",
                         "write [pgbouncer] above it");
      return;
    }
    store(key, place, std::move(value));
  }

  void store(const std::string& key, const Place& place, Node value) {
    Section& section = sections_[current_];
    auto& members = section.member.value.members;
    const auto [entry, is_new] = section.keys.emplace(key, members.size());
    if (is_new) {
      members.push_back({key, place, std::move(value)});
      return;
    }
    Member& member = members[entry->second];
    diagnostics_.warning(
        place, child_path(section.member.key, key), "the setting is given twice",
        "the first is in line " + std::to_string(member.place.line) + "; the last one counts");
    member = {key, place, std::move(value)};
  }

  // A word, or a name in double quotes in which "" stands for one quotation mark.
  std::string key_word() {
    std::string key;
    if (text_[at_] != '"') {
      while (at_ < end_ && is_key_char(text_[at_])) key += text_[at_++];
      return key;
    }
    std::size_t at = at_ + 1;
    for (; at < end_; ++at) {
      if (text_[at] == '"') {
        if (at + 1 == end_ || text_[at + 1] != '"') break;
        ++at;
      }
      key += text_[at];
    }
    if (at >= end_) return "";
    at_ = at + 1;
    return key;
  }

  void skip_blanks() {
    while (at_ < end_ && blanks.find(text_[at_]) != std::string_view::npos) ++at_;
  }

  static std::string trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return "";
    return std::string(text.substr(first, text.find_last_not_of(blanks) - first + 1));
  }

  SourceText& source_;
  std::string_view text_;
  const Limits& limits_;
  Diagnostics& diagnostics_;
  Budget budget_;
  Node& root_;
  std::size_t at_ = 0, end_ = 0;  // the rest of the line being read
  std::vector<Section> sections_;
  std::map<std::string, std::size_t> section_index_;
  std::size_t current_ = 0;
  bool has_section_ = false;
};

}  // namespace

bool parse_ini(SourceText& source, const Limits& limits, Diagnostics& diagnostics,
               std::vector<Node>& parts) {
  Node root;
  if (!IniParser(source, limits, diagnostics, root).parse()) return false;
  if (!root.members.empty()) parts.push_back(std::move(root));
  return true;
}

// PgBouncer's loader.c: key=value words; a value in single quotes may hold blanks, and '' inside it
// stands for one quotation mark.
Node parse_connection_string(const Node& scalar, const std::string& path,
                             Diagnostics& diagnostics) {
  Node map;
  map.kind = NodeKind::map;
  map.place = scalar.place;
  MapBuilder builder(map);
  const std::string_view text = scalar.text;
  std::size_t at = 0;
  Place place = scalar.place;
  std::size_t placed = 0;
  const auto place_of = [&](std::size_t offset) {  // asked in rising order
    for (; placed < offset; ++placed) {
      if (!is_continuation(text[placed])) ++place.column;
    }
    return place;
  };
  while ((at = text.find_first_not_of(blanks, at)) != std::string_view::npos) {
    const std::size_t start = at;
    while (at < text.size() && is_key_char(text[at])) ++at;
    const std::string key(text.substr(start, at - start));
    const Place key_place = place_of(start);
    at = std::min(text.find_first_not_of(blanks, at), text.size());
    if (key.empty() || at == text.size() || text[at] != '=') {
      diagnostics.error(key_place, path, in_quotes(text.substr(start)) + " is not key=value");
      return map;
    }
    at = std::min(text.find_first_not_of(blanks, at + 1), text.size());
    Node value;
    value.kind = NodeKind::plain;
    value.place = place_of(at);
    if (at < text.size() && text[at] == '\'') {
      bool closed = false;
      for (++at; at < text.size() && !closed; ++at) {
        if (text[at] != '\'') {
          value.text += text[at];
        } else if (at + 1 < text.size() && text[at + 1] == '\'') {
          value.text += text[at++];
        } else {
          closed = true;
        }
      }
      if (!closed) {
        diagnostics.error(value.place, child_path(path, key), "the value has no closing '");
        return map;
      }
    } else {
      const std::size_t end = std::min(text.find_first_of(blanks, at), text.size());
      value.text = text.substr(at, end - at);
      at = end;
    }
    std::optional<Place> first;
    builder.add(key, key_place, first).value = std::move(value);
    if (first)
      diagnostics.warning(key_place, child_path(path, key), "the word is given twice",
                          "the last one counts");
  }
  return map;
}

}  // namespace predrill::harness
