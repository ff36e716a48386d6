// One neutral tree for every file format, with the place of each key and value, so that a problem
// found late still names its line. The parsers never throw, never recurse without a bound and
// refuse what is too large before they read it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/input/diagnostics.hpp"

namespace predrill::harness {

enum class NodeKind {
  null,
  boolean,  // JSON true and false
  number,   // a JSON number, as written
  text,     // JSON text, or a quoted scalar of YAML
  plain,    // an unquoted word of YAML, INI, haproxy.cfg or --set: the reader decides what it is
  list,
  map,
};

/// "a number", "text", "a list", ...
std::string_view kind_text(NodeKind);

struct Member;

struct Node {
  NodeKind kind = NodeKind::null;
  std::string text;  // scalars: the value without quotes and escapes; numbers as written
  Place place;
  std::vector<Node> items;      // of a list
  std::vector<Member> members;  // of a map, in the order of the file; no key twice

  bool is_scalar() const { return kind != NodeKind::list && kind != NodeKind::map; }
  bool is_list() const { return kind == NodeKind::list; }
  bool is_map() const { return kind == NodeKind::map; }
  /// The value of a key of a map, or null.
  const Node* find(std::string_view key) const;
  Node* find(std::string_view key);
};

struct Member {
  std::string key;
  Place place;  // of the key
  Node value;
};

enum class Format {
  json,     // with // and /* */ comments
  yaml,     // one or more parts divided by ---
  ini,      // pgbouncer.ini: a map of sections, each a map of keys
  haproxy,  // a map from "backend pg" to the list of its lines, each a list of words
};

struct Limits {
  std::size_t file_bytes = 16 * 1024 * 1024;
  std::size_t depth = 64;
  std::size_t values = 1'000'000;      // scalars, lists and maps of one file
  std::size_t alias_values = 100'000;  // values that YAML aliases may repeat
};

struct Document {
  std::string file;
  Format format = Format::json;
  std::vector<Node> parts;  // one; several only in YAML

  const Node& root() const { return parts.front(); }
  Node& root() { return parts.front(); }
  /// The part of a Kubernetes file with this `kind`, or null.
  const Node* find_kind(std::string_view kind) const;
};

/// By the end of the name: .json .jsonc .yaml .yml .ini .cfg
std::optional<Format> format_of(const std::filesystem::path&);

/// Reads a file. Problems go to the diagnostics; nothing is returned if the tree is not usable.
/// Formats that are read line by line return what they could read beside the problems found.
std::optional<Document> load_document(const std::filesystem::path&, Diagnostics&,
                                      std::optional<Format> = std::nullopt, const Limits& = {});

/// The same for text that is already in memory; `name` stands for the file in messages.
std::optional<Document> parse_document(std::string_view text, std::string name, Format,
                                       Diagnostics&, const Limits& = {});

/// The words of a connection string ("host=10.0.0.1 port=5432 dbname='my db'"), as PgBouncer has
/// them in its [databases] section, as a map. Places are those of the words.
Node parse_connection_string(const Node& scalar, const std::string& path, Diagnostics&);

}  // namespace predrill::harness
