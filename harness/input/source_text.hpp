// What the parsers share: the text being read, places in it, and the limits.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/input/document.hpp"

namespace predrill::harness {

class SourceText {
 public:
  SourceText(std::string_view text, std::shared_ptr<const std::string> file)
      : text_(text), file_(std::move(file)) {}

  std::string_view text() const { return text_; }
  /// The file as a whole.
  Place whole() const { return {file_, 0, 0}; }
  /// Line and column of a byte. Cheap when asked in rising order.
  Place place(std::size_t offset);

 private:
  std::string_view text_;
  std::shared_ptr<const std::string> file_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1, column_ = 1;
};

/// Counts values against Limits::values.
class Budget {
 public:
  explicit Budget(std::size_t values) : left_(values) {}
  bool take(std::size_t values = 1) {
    if (values > left_) return false;
    left_ -= values;
    return true;
  }

 private:
  std::size_t left_;
};

/// Builds a map node and finds keys that are given twice. The value that comes last counts.
class MapBuilder {
 public:
  explicit MapBuilder(Node& map) : map_(map) {}
  /// The member of this key; `first` is where the same key stood before, if it did.
  Member& add(std::string key, const Place& place, std::optional<Place>& first);

 private:
  Node& map_;
  std::map<std::string, std::size_t> index_;
};

std::string too_deep(const Limits&);
std::string too_many_values(const Limits&);

/// "faults[0]" + "at" = "faults[0].at"; keys that are not plain words are put in [""].
std::string child_path(std::string_view parent, std::string_view key);
std::string child_path(std::string_view parent, std::size_t index);

/// Parsers by format. The text is UTF-8 without a byte order mark and without NUL bytes. False if
/// the tree is not usable.
bool parse_json(SourceText&, const Limits&, Diagnostics&, std::vector<Node>& parts);
bool parse_yaml(SourceText&, const Limits&, Diagnostics&, std::vector<Node>& parts);
bool parse_ini(SourceText&, const Limits&, Diagnostics&, std::vector<Node>& parts);
bool parse_haproxy(SourceText&, const Limits&, Diagnostics&, std::vector<Node>& parts);

}  // namespace predrill::harness
