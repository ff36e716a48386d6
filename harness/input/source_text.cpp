#include "harness/input/source_text.hpp"

#include <algorithm>

#include "harness/input/utf8.hpp"

namespace predrill::harness {
namespace {

bool is_plain_key(std::string_view key) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '$';
  };
  return !key.empty() && std::all_of(key.begin(), key.end(), plain);
}

}  // namespace

Place SourceText::place(std::size_t offset) {
  offset = std::min(offset, text_.size());
  if (offset < at_) {
    at_ = 0;
    line_ = column_ = 1;
  }
  for (; at_ < offset; ++at_) {
    if (text_[at_] == '\n') {
      ++line_;
      column_ = 1;
    } else if (!is_continuation(text_[at_])) {
      ++column_;
    }
  }
  return {file_, line_, column_};
}

Member& MapBuilder::add(std::string key, const Place& place, std::optional<Place>& first) {
  const auto [entry, is_new] = index_.emplace(key, map_.members.size());
  if (is_new) {
    first.reset();
    map_.members.push_back({std::move(key), place, {}});
    return map_.members.back();
  }
  Member& member = map_.members[entry->second];
  first = member.place;
  member.place = place;
  member.value = {};
  return member;
}

std::string too_deep(const Limits& limits) {
  return "lists and maps are nested more than " + std::to_string(limits.depth) + " deep";
}

std::string too_many_values(const Limits& limits) {
  return "the file has more than " + std::to_string(limits.values) + " values";
}

std::string child_path(std::string_view parent, std::string_view key) {
  std::string out(parent);
  if (!is_plain_key(key)) return out + "[" + in_quotes(key) + "]";
  return out.empty() ? std::string(key) : out + "." + std::string(key);
}

std::string child_path(std::string_view parent, std::size_t index) {
  return std::string(parent) + "[" + std::to_string(index) + "]";
}

}  // namespace predrill::harness
