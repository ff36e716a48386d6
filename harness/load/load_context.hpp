// What the importers share while a system is read: the problems found, and where each value stood.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/input/reader.hpp"
#include "harness/system.hpp"

namespace predrill::harness {

class LoadContext {
 public:
  explicit LoadContext(Diagnostics& problems) : diagnostics(problems) {}

  /// Remembers where the value of a path ("patroni.ttl") was read.
  void record(const std::string& path, const Place& place, std::string_view key);
  /// The same for a default that is not this program's own: "spilo 3.3-p1".
  void record_default(const std::string& path, std::string_view source, std::string_view key);
  /// The place of a path that was recorded, else of the system file.
  Place place_of(const std::string& path) const;
  /// Files in our own format: an unknown key there is an error.
  bool is_own(const Place& place) const;

  /// Reports sentences of a model's validate() or adjust(). A sentence is laid to the setting whose
  /// name it mentions first; `prefix` is "patroni", "postgresql", ...
  void report(std::span<const std::string> sentences, std::string_view prefix, Severity severity);

  Diagnostics& diagnostics;
  std::map<std::string, Origin> origins;
  std::map<std::string, Place> places;
  std::filesystem::path folder;  // of the system file, for the files that it names
  Place system_place;            // of the file as a whole
  std::vector<std::string> own_files;
};

/// The file that a value of system.json names, seen from its folder. nullopt with an error, and the
/// nearest name, if there is no such file or it cannot be read.
std::optional<Document> load_named_file(const Node& name, const std::string& path,
                                        const std::filesystem::path& folder, Format format,
                                        Diagnostics& diagnostics);

/// How the settings of one program are told apart.
struct SettingGroup {
  std::string_view prefix;  // of their paths: "patroni"
  std::string_view system;  // "Patroni"
  /// Known to the program; they do not influence a failover.
  std::span<const std::string_view> irrelevant;
  /// Known to the program, would matter, not simulated: a warning.
  std::span<const std::string_view> not_modelled;
};

/// One key: reads its value into the configuration.
template <class Config>
struct Setting {
  std::string_view key;
  void (*read)(const Value&, Config&);
};

/// Reports a key that no table reads.
void report_unread(const Member&, const SettingGroup&, std::span<const std::string_view> read_keys,
                   LoadContext&);

/// Reads the keys of a map by table. Keys of another program that are unknown are warnings; in our
/// own files and on the command line they are errors. null counts as a key left out.
template <class Config, std::size_t n>
void read_settings(const Node& map, const SettingGroup& group,
                   const std::array<Setting<Config>, n>& table, Config& config,
                   LoadContext& context) {
  std::array<std::string_view, n> keys;
  for (std::size_t i = 0; i < n; ++i) keys[i] = table[i].key;
  for (const Member& member : map.members) {
    std::size_t i = 0;
    while (i < n && keys[i] != member.key) ++i;
    if (i == n) {
      report_unread(member, group, keys, context);
      continue;
    }
    if (member.value.kind == NodeKind::null && !context.is_own(member.place)) continue;
    const std::string path = std::string(group.prefix) + "." + member.key;
    table[i].read(node_value(member.value, path, context.diagnostics), config);
    context.record(path, member.value.place, member.key);
  }
}

/// An empty map that stands at a place.
Node empty_map(const Place& place);
/// Adds the members of a map to another; a key given twice takes the later value.
void merge_into(Node& into, const Node& from);
/// The member of this key, made as an empty map if it is missing.
Node& map_member(Node& map, std::string_view key);

}  // namespace predrill::harness
