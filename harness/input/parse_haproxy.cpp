// haproxy.cfg, by the rules of HAProxy's own reader (Configuration Manual 2.6, section 2.2): words
// divided by blanks, # begins a comment, a backslash escapes one character outside quotes, double
// quotes know \" \\ and \$, single quotes know nothing. A line that begins with a section keyword
// opens a section; what the other words mean is the importer's business.
#include <algorithm>
#include <array>

#include "harness/input/nearest.hpp"
#include "harness/input/source_text.hpp"

namespace predrill::harness {
namespace {

constexpr std::array<std::string_view, 17> section_keywords = {
    "global",    "defaults",    "frontend", "backend",   "listen",  "peers",
    "resolvers", "userlist",    "mailers",  "cache",     "program", "http-errors",
    "ring",      "log-forward", "fcgi-app", "crt-store", "traces"};

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

class HaproxyParser {
 public:
  HaproxyParser(SourceText& source, const Limits& limits, Diagnostics& diagnostics, Node& root)
      : source_(source),
        text_(source.text()),
        limits_(limits),
        diagnostics_(diagnostics),
        budget_(limits.values),
        root_(root) {
    root_.kind = NodeKind::map;
    root_.place = source_.place(0);
  }

  bool parse() {
    while (at_ < text_.size()) {
      end_ = std::min(text_.find('\n', at_), text_.size());
      Node line;
      line.kind = NodeKind::list;
      if (!read_words(line)) {
        diagnostics_.error(source_.place(at_), "", too_many_values(limits_));
        return false;
      }
      if (!line.items.empty()) take(std::move(line));
      at_ = end_ + 1;
    }
    return true;
  }

 private:
  void take(Node line) {
    line.place = line.items.front().place;
    const std::string& first = line.items.front().text;
    const bool opens = std::find(section_keywords.begin(), section_keywords.end(), first) !=
                       section_keywords.end();
    if (opens) {
      open_section(line);
    } else if (root_.members.empty()) {
      diagnostics_.error(line.place, "", in_quotes(first) + " stands before the first section",
                         did_you_mean(first, section_keywords));
    } else {
      root_.members.back().value.items.push_back(std::move(line));
    }
  }

  // `defaults` may come several times and holds for the sections after it, so the order counts and
  // names may repeat.
  void open_section(const Node& line) {
    Member section;
    for (const Node& word : line.items) {
      section.key += (section.key.empty() ? "" : " ") + word.text;
    }
    section.place = section.value.place = line.place;
    section.value.kind = NodeKind::list;
    root_.members.push_back(std::move(section));
  }

  // The words of one line; false if there are too many values.
  bool read_words(Node& line) {
    for (;;) {
      while (at_ < end_ && is_blank(text_[at_])) ++at_;
      if (at_ == end_ || text_[at_] == '#') return true;
      if (!budget_.take(line.items.empty() ? 2 : 1)) return false;
      Node word;
      word.kind = NodeKind::plain;
      word.place = source_.place(at_);
      read_word(word);
      line.items.push_back(std::move(word));
    }
  }

  void read_word(Node& word) {
    while (at_ < end_ && !is_blank(text_[at_]) && text_[at_] != '#') {
      const char c = text_[at_++];
      if (c == '\\') {
        read_escape(word);
      } else if (c == '"' || c == '\'') {
        word.kind = NodeKind::text;
        if (!read_quoted(word, c)) {
          diagnostics_.error(word.place, path(), std::string("no closing ") + c);
        }
      } else {
        word.text += c;
      }
    }
  }

  void read_escape(Node& word) {
    if (at_ == end_) {
      diagnostics_.error(word.place, path(), "a backslash at the end of the line");
      return;
    }
    const char c = text_[at_++];
    switch (c) {
      case 'n':
        word.text += '\n';
        break;
      case 'r':
        word.text += '\r';
        break;
      case 't':
        word.text += '\t';
        break;
      default:
        word.text += c;  // a blank, #, a quotation mark, a backslash
    }
  }

  bool read_quoted(Node& word, char quote) {
    while (at_ < end_) {
      const char c = text_[at_++];
      if (c == quote) return true;
      if (quote == '"' && c == '$') {
        diagnostics_.warning(word.place, path(), "environment variables are not replaced");
      }
      const bool escapes = quote == '"' && c == '\\' && at_ < end_ &&
                           (text_[at_] == '"' || text_[at_] == '\\' || text_[at_] == '$');
      word.text += escapes ? text_[at_++] : c;
    }
    return false;
  }

  std::string path() const {
    return root_.members.empty() ? "" : in_quotes(root_.members.back().key);
  }

  SourceText& source_;
  std::string_view text_;
  const Limits& limits_;
  Diagnostics& diagnostics_;
  Budget budget_;
  Node& root_;
  std::size_t at_ = 0, end_ = 0;  // the rest of the line being read
};

}  // namespace

bool parse_haproxy(SourceText& source, const Limits& limits, Diagnostics& diagnostics,
                   std::vector<Node>& parts) {
  Node root;
  if (!HaproxyParser(source, limits, diagnostics, root).parse()) return false;
  if (!root.members.empty()) parts.push_back(std::move(root));
  return true;
}

}  // namespace predrill::harness
