#include <algorithm>
#include <array>
#include <map>
#include <regex>
#include <string>

#include "tests/tidy/rules.hpp"

namespace predrill::tidy {
namespace {

// Data is as it is in the field.
bool is_ours(const Source& source) {
  return !is_in(source, "scenarios") && !is_in(source, "tests/golden");
}

bool is_program_text(const Source& source) {
  return is_cpp(source) || source.path.ends_with("CMakeLists.txt") ||
         source.path.ends_with(".cmake") || source.path.ends_with(".sh") ||
         source.text.starts_with("#!/");
}

// Characters as a reader sees them; the bytes 10xxxxxx continue one in UTF-8.
std::size_t columns(std::string_view line) {
  return static_cast<std::size_t>(std::ranges::count_if(
      line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

Findings width(const Source& source) {
  constexpr std::size_t most = 100;
  Findings findings;
  if (!is_program_text(source)) return findings;
  std::size_t number = 0;
  for (const auto line : lines(source.text)) {
    ++number;
    // An address or a pattern cannot be broken.
    const bool unbreakable =
        line.find("://") != std::string::npos || line.find("R\"(") != std::string::npos;
    if (columns(line) > most && !unbreakable) {
      findings.push_back({number, std::to_string(columns(line)) + " columns: break it at 100"});
    }
  }
  return findings;
}

Findings size(const Source& source) {
  constexpr std::size_t most = 800;
  const auto count = lines(source.text).size();
  if (!is_cpp(source) || count <= most) return {};
  return {{count, std::to_string(count) + " lines: split it by what it is about, at most 800"}};
}

Findings header_start(const Source& source) {
  Findings findings;
  if (!is_header(source)) return findings;
  if (!source.text.starts_with("//")) {
    findings.push_back({1, "start with a comment: what is this, and what is it not"});
  }
  if (source.code.find("#pragma once") == std::string::npos) {
    findings.push_back({1, "add #pragma once"});
  }
  return findings;
}

Findings no_leftovers(const Source& source) {
  // In two parts, so that this file is not a finding.
  static const std::regex mark(
      "\\b(TO"
      "DO|FIX"
      "ME|XX"
      "X)\\b");
  Findings findings;
  if (!is_ours(source)) return findings;
  std::size_t number = 0;
  for (const auto line : lines(source.text)) {
    ++number;
    std::cmatch match;
    if (std::regex_search(line.data(), line.data() + line.size(), match, mark)) {
      findings.push_back({number, match.str() + ": finish it, or describe the gap in a README"});
    }
  }
  return findings;
}

Findings no_machine_paths(const Source& source) {
  // The home of the postgres account of a container image is the same everywhere.
  static const std::regex path(
      "(^|[^\\w.])/(ho"
      "me/(?!postgres)|ro"
      "ot/|Us"
      "ers/|wo"
      "rk/)\\w");
  Findings findings;
  if (!is_ours(source)) return findings;
  std::size_t number = 0;
  for (const auto line : lines(source.text)) {
    ++number;
    std::cmatch match;
    if (std::regex_search(line.data(), line.data() + line.size(), match, path)) {
      findings.push_back({number, match.str() + "...: a folder of one machine; make it relative"});
    }
  }
  return findings;
}

namespace {

bool is_file_local(const Source& source, std::size_t position) {
  for (auto open = enclosing(source.code, position); open != std::string::npos;
       open = enclosing(source.code, open)) {
    if (word_before(source.code, open) == "namespace") return true;
  }
  return false;
}

// "predrill::sim Task" for the type that is defined on the line which begins at the position; empty
// if none is.
std::string defined_type(const Source& source, std::size_t begin) {
  static const std::regex form(
      R"(^(?:struct|class|union|enum(?: class)?) +(?:\[\[[^\]]*\]\] *)?(\w+)(?: final)?(?: *:[^;:{][^;{]*)? *\{)");
  if (std::string_view("scue").find(source.code[begin]) == std::string_view::npos) return "";
  std::cmatch match;
  const char* text = source.code.data() + begin;
  const char* end = source.code.data() + std::min(source.code.size(), begin + 400);
  if (!std::regex_search(text, end, match, form, std::regex_constants::match_continuous)) return "";
  if (is_file_local(source, begin)) return "";
  const auto open = enclosing(source.code, begin);
  std::string name(open == std::string::npos ? "" : word_before(source.code, open));
  return name + " " + match[1].str();
}

}  // namespace

std::vector<std::string> types_defined_twice(const std::vector<Source>& sources) {
  std::map<std::string, std::string> seen;
  std::vector<std::string> found;
  for (const auto& source : sources) {
    if (!is_cpp(source)) continue;
    for (std::size_t begin = 0; begin < source.code.size();) {
      const std::string type = defined_type(source, begin);
      const std::string place = source.path + ":" + std::to_string(line_of(source, begin));
      if (!type.empty()) {
        const auto [first, added] = seen.emplace(type, place);
        if (!added) found.push_back(place + ": " + type + " is also defined in " + first->second);
      }
      const auto end = source.code.find('\n', begin);
      if (end == std::string::npos) break;
      begin = end + 1;
    }
  }
  return found;
}

}  // namespace predrill::tidy
