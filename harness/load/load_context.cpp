#include "harness/load/load_context.hpp"

#include <algorithm>

#include "harness/input/nearest.hpp"

namespace predrill::harness {

void LoadContext::record(const std::string& path, const Place& place, std::string_view key) {
  origins[path] = {place.file ? *place.file : "", static_cast<int>(place.line), std::string(key)};
  places[path] = place;
}

void LoadContext::record_default(const std::string& path, std::string_view source,
                                 std::string_view key) {
  if (!origins.contains(path)) origins[path] = {std::string(source), 0, std::string(key)};
}

Place LoadContext::place_of(const std::string& path) const {
  const auto found = places.find(path);
  return found == places.end() ? system_place : found->second;
}

bool LoadContext::is_own(const Place& place) const {
  return place.from_command_line() || (place.file && std::find(own_files.begin(), own_files.end(),
                                                               *place.file) != own_files.end());
}

namespace {

constexpr bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

}  // namespace

void LoadContext::report(std::span<const std::string> sentences, std::string_view prefix,
                         Severity severity) {
  for (const std::string& sentence : sentences) {
    Diagnostic problem{severity, system_place, std::string(prefix), sentence, ""};
    for (std::size_t at = 0; at < sentence.size();) {
      std::size_t end = at;
      while (end < sentence.size() && is_word(sentence[end])) ++end;
      // etcd's options are written --election-timeout.
      std::string word = sentence.substr(at, end - at);
      word.erase(0, std::min(word.find_first_not_of('-'), word.size()));
      std::replace(word.begin(), word.end(), '-', '_');
      const std::string path = std::string(prefix) + "." + word;
      if (const auto found = places.find(path); end > at && found != places.end()) {
        problem.place = found->second;
        problem.path = path;
        break;
      }
      at = end + 1;
    }
    diagnostics.add(std::move(problem));
  }
}

void report_unread(const Member& member, const SettingGroup& group,
                   std::span<const std::string_view> read_keys, LoadContext& context) {
  const auto holds = [&](std::span<const std::string_view> keys) {
    return std::find(keys.begin(), keys.end(), member.key) != keys.end();
  };
  // --set may have changed the value of a key that stands in a file.
  const Place& place = member.value.place.from_command_line() ? member.value.place : member.place;
  const bool own = context.is_own(place);
  const std::string path = std::string(group.prefix) + "." + member.key;
  if (holds(group.irrelevant)) {
    if (own) {
      context.diagnostics.warning(place, path, "does not influence a failover",
                                  "it may be left out");
    }
    return;
  }
  const bool known = holds(group.not_modelled);
  std::vector<std::string_view> candidates(read_keys.begin(), read_keys.end());
  candidates.insert(candidates.end(), group.not_modelled.begin(), group.not_modelled.end());
  candidates.insert(candidates.end(), group.irrelevant.begin(), group.irrelevant.end());
  context.diagnostics.add(
      {own ? Severity::error : Severity::warning, place, path,
       known ? "not modelled" : "unknown to " + std::string(group.system),
       known ? "it has no effect on the run" : did_you_mean(member.key, candidates)});
}

std::optional<Document> load_named_file(const Node& name, const std::string& key,
                                        const std::filesystem::path& folder, Format format,
                                        Diagnostics& diagnostics) {
  const std::filesystem::path path = folder / name.text;
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) {
    return load_document(path.lexically_normal(), diagnostics, format);
  }
  std::vector<std::string> neighbours;
  for (std::filesystem::directory_iterator entry(path.parent_path(), error), end;
       !error && entry != end; entry.increment(error)) {
    neighbours.push_back(entry->path().filename().string());
  }
  std::sort(neighbours.begin(), neighbours.end());
  diagnostics.error(name.place, key,
                    "there is no file " + in_quotes(path.lexically_normal().string(), 200),
                    did_you_mean(path.filename().string(), neighbours));
  return std::nullopt;
}

Node empty_map(const Place& place) {
  Node map;
  map.kind = NodeKind::map;
  map.place = place;
  return map;
}

void merge_into(Node& into, const Node& from) {
  for (const Member& member : from.members) {
    const auto same = std::find_if(into.members.begin(), into.members.end(),
                                   [&](const Member& m) { return m.key == member.key; });
    if (same == into.members.end()) {
      into.members.push_back(member);
    } else if (same->value.is_map() && member.value.is_map()) {
      merge_into(same->value, member.value);
    } else {
      *same = member;
    }
  }
}

Node& map_member(Node& map, std::string_view key) {
  if (Node* found = map.find(key)) return *found;
  map.members.push_back({std::string(key), map.place, empty_map(map.place)});
  return map.members.back().value;
}

}  // namespace predrill::harness
