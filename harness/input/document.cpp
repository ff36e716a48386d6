#include "harness/input/document.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <system_error>

#include "harness/input/nearest.hpp"
#include "harness/input/source_text.hpp"
#include "harness/input/utf8.hpp"

namespace predrill::harness {
namespace {

std::string megabytes(std::uintmax_t bytes) {
  constexpr std::uintmax_t mib = 1024 * 1024;
  return std::to_string(bytes / mib) + "." + std::to_string(bytes % mib * 10 / mib) + " MiB";
}

std::string size_problem(std::uintmax_t bytes, const Limits& limits) {
  return "the file has " + megabytes(bytes) + "; at most " + megabytes(limits.file_bytes) +
         " are read";
}

// The file of the same folder that may have been meant.
std::string hint_for_missing(const std::filesystem::path& path) {
  constexpr std::size_t looked_at_max = 1'000;
  std::vector<std::string> names;
  std::error_code error;
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  std::filesystem::directory_iterator entry(folder, error);
  if (error) return "the folder " + in_quotes(folder.string()) + " cannot be read";
  for (; !error && entry != std::filesystem::directory_iterator() && names.size() < looked_at_max;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return did_you_mean(path.filename().string(), names);
}

// Refuses what is no regular file (a pipe would block) and what is too large before opening it.
std::optional<std::string> read_file(const std::filesystem::path& path, const Place& place,
                                     Diagnostics& diagnostics, const Limits& limits) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    diagnostics.error(place, "", "there is no such file", hint_for_missing(path));
    return std::nullopt;
  }
  if (std::filesystem::is_directory(status)) {
    diagnostics.error(place, "", "is a folder", "name a file in it");
    return std::nullopt;
  }
  if (!std::filesystem::is_regular_file(status)) {
    diagnostics.error(place, "", "is not a regular file");
    return std::nullopt;
  }
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (!error && size > limits.file_bytes) {
    diagnostics.error(place, "", size_problem(size, limits));
    return std::nullopt;
  }
  std::ifstream stream(path, std::ios::binary);
  // One byte more than allowed, in case the file grows while it is read.
  std::string text(error ? limits.file_bytes + 1 : static_cast<std::size_t>(size) + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!stream.is_open() || stream.bad()) {
    diagnostics.error(place, "", "cannot be read", "check its permissions");
    return std::nullopt;
  }
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

// No format allows them, and yaml-cpp takes one of them (4) for the end of the file.
std::size_t find_control(std::string_view text) {
  const auto is_control = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  };
  const auto found = std::find_if(text.begin(), text.end(), is_control);
  return found == text.end() ? std::string_view::npos
                             : static_cast<std::size_t>(found - text.begin());
}

// Drops the byte order mark; refuses what is not UTF-8 text.
bool check_text(std::string_view& text, SourceText& source, const Place& whole,
                Diagnostics& diagnostics) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    diagnostics.error(whole, "", "is UTF-16 text", "save it as UTF-8");
    return false;
  }
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  source = SourceText(text, whole.file);
  const std::size_t control = find_control(text);
  const std::size_t invalid = find_invalid_utf8(text);
  if (control < invalid) {
    diagnostics.error(source.place(control), "",
                      text[control] == '\0' ? "a NUL byte" : "a control character",
                      "is this a text file?");
    return false;
  }
  if (invalid != std::string_view::npos) {
    diagnostics.error(source.place(invalid), "", "a byte that is not UTF-8 text",
                      "save the file as UTF-8");
    return false;
  }
  source = SourceText(text, whole.file);
  return true;
}

}  // namespace

std::string_view kind_text(NodeKind kind) {
  switch (kind) {
    case NodeKind::null:
      return "null";
    case NodeKind::boolean:
      return "true or false";
    case NodeKind::number:
      return "a number";
    case NodeKind::text:
      return "text";
    case NodeKind::plain:
      return "a word";
    case NodeKind::list:
      return "a list";
    case NodeKind::map:
      return "a map";
  }
  return "";
}

const Node* Node::find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

Node* Node::find(std::string_view key) {
  for (Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

const Node* Document::find_kind(std::string_view kind) const {
  for (const Node& part : parts) {
    const Node* found = part.find("kind");
    if (found != nullptr && found->text == kind) return &part;
  }
  return nullptr;
}

std::optional<Format> format_of(const std::filesystem::path& path) {
  const std::string end = path.extension().string();
  if (end == ".json" || end == ".jsonc") return Format::json;
  if (end == ".yaml" || end == ".yml") return Format::yaml;
  if (end == ".ini") return Format::ini;
  if (end == ".cfg") return Format::haproxy;
  return std::nullopt;
}

std::optional<Document> load_document(const std::filesystem::path& path, Diagnostics& diagnostics,
                                      std::optional<Format> format, const Limits& limits) {
  const Place whole{std::make_shared<const std::string>(path.string()), 0, 0};
  if (!format) format = format_of(path);
  if (!format) {
    diagnostics.error(whole, "", "the end of the name says nothing about the format",
                      "known are .json, .jsonc, .yaml, .yml, .ini, .cfg");
    return std::nullopt;
  }
  const std::optional<std::string> text = read_file(path, whole, diagnostics, limits);
  if (!text) return std::nullopt;
  return parse_document(*text, path.string(), *format, diagnostics, limits);
}

std::optional<Document> parse_document(std::string_view text, std::string name, Format format,
                                       Diagnostics& diagnostics, const Limits& limits) {
  Document document{std::move(name), format, {}};
  const Place whole{std::make_shared<const std::string>(document.file), 0, 0};
  if (text.size() > limits.file_bytes) {
    diagnostics.error(whole, "", size_problem(text.size(), limits));
    return std::nullopt;
  }
  SourceText source(text, whole.file);
  if (!check_text(text, source, whole, diagnostics)) return std::nullopt;
  using Parse = bool (*)(SourceText&, const Limits&, Diagnostics&, std::vector<Node>&);
  constexpr std::array<Parse, 4> parsers = {parse_json, parse_yaml, parse_ini, parse_haproxy};
  const Parse parse = parsers[static_cast<std::size_t>(format)];
  if (!parse(source, limits, diagnostics, document.parts)) return std::nullopt;
  if (document.parts.empty()) {
    diagnostics.error(whole, "", "the file is empty");
    return std::nullopt;
  }
  return document;
}

}  // namespace predrill::harness
