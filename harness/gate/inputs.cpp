#include "harness/gate/inputs.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "harness/input/document.hpp"
#include "harness/input/source_text.hpp"
#include "harness/load/chaos_experiment.hpp"

namespace predrill::harness {

namespace fs = std::filesystem;

namespace {

// Words for people.
bool is_description(std::string_view key) {
  constexpr std::array<std::string_view, 4> keys = {"$schema", "description", "title", "source"};
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

class Flattening {
 public:
  explicit Flattening(std::vector<InputValue>& values) : values_(values) {}

  void add(const Document& document) {
    file_ = fs::path(document.file).lexically_normal().string();
    for (std::size_t i = 0; i < document.parts.size(); ++i)
      add(document.parts[i], name_of(document, i));
  }

 private:
  // What the keys of a part begin with: in a file of several its kind.
  static std::string name_of(const Document& document, std::size_t i) {
    if (document.parts.size() == 1) return "";
    const Node* kind = document.parts[i].find("kind");
    const bool named = kind != nullptr && document.find_kind(kind->text) == &document.parts[i];
    return named ? kind->text : "[" + std::to_string(i) + "]";
  }

  void add(const Node& node, const std::string& key) {
    if (node.is_map()) {
      for (const Member& member : node.members) {
        if (!is_description(member.key)) add(member.value, child_path(key, member.key));
      }
    } else if (node.is_list() && !std::all_of(node.items.begin(), node.items.end(),
                                              [](const Node& item) { return item.is_scalar(); })) {
      for (std::size_t i = 0; i < node.items.size(); ++i) add(node.items[i], child_path(key, i));
    } else {
      std::string value = node.text;
      for (const Node& item : node.items) value += (value.empty() ? "" : " ") + item.text;
      if (node.kind == NodeKind::null) value = "null";
      values_.push_back({file_, key, std::move(value), static_cast<int>(node.place.line)});
    }
  }

  std::vector<InputValue>& values_;
  std::string file_;
};

// The values of a map of names, as paths.
std::vector<fs::path> files_named(const Document& system) {
  std::vector<fs::path> files;
  const Node* named = system.root().find("files");
  if (named == nullptr) return files;
  const fs::path folder = fs::path(system.file).parent_path();
  for (const Member& member : named->members) {
    if (member.value.is_scalar()) files.push_back(folder / member.value.text);
    for (const Node& item : member.value.items) files.push_back(folder / item.text);
  }
  return files;
}

void hash(std::uint64_t& digest, std::string_view text) {
  for (const char c : text) {
    digest = (digest ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;  // FNV-1a
  }
  digest = (digest ^ 0xffU) * 0x100000001b3ULL;  // no byte of UTF-8: ends the text
}

using Place = std::pair<std::string, std::string>;  // file, key

std::map<Place, const InputValue*> by_place(const std::vector<InputValue>& values) {
  std::map<Place, const InputValue*> found;
  for (const InputValue& value : values) found[{value.file, value.key}] = &value;
  return found;
}

}  // namespace

std::vector<InputValue> input_values(const fs::path& scenario, Diagnostics& diagnostics) {
  std::vector<InputValue> values;
  Flattening flattening(values);
  const auto document = load_scenario_document(scenario, diagnostics);
  if (!document) return values;
  flattening.add(*document);
  const Node* named = document->root().find("system");
  if (named == nullptr) {  // a system by itself
    for (const fs::path& path : files_named(*document)) {
      if (const auto one = load_document(path, diagnostics)) flattening.add(*one);
    }
    return values;
  }
  fs::path file = scenario.parent_path() / named->text;
  std::error_code error;
  if (fs::is_directory(file, error)) file /= "system.json";
  const auto system = load_document(file, diagnostics, Format::json);
  if (!system) return values;
  flattening.add(*system);
  for (const fs::path& path : files_named(*system)) {
    const auto one = load_document(path, diagnostics);
    if (one) flattening.add(*one);
  }
  return values;
}

std::uint64_t digest_of(const std::vector<InputValue>& values, const fs::path& folder) {
  std::uint64_t digest = 0xcbf29ce484222325ULL;
  for (const InputValue& value : values) {
    hash(digest, fs::path(value.file).lexically_relative(folder).generic_string());
    hash(digest, value.key);
    hash(digest, value.value);
  }
  return digest;
}

std::vector<InputChange> changes(const std::vector<InputValue>& before,
                                 const std::vector<InputValue>& after) {
  const auto old_values = by_place(before);
  const auto new_values = by_place(after);
  std::vector<InputChange> found;
  for (const InputValue& value : after) {
    const auto old = old_values.find({value.file, value.key});
    if (old == old_values.end()) {
      found.push_back({value.file, value.key, value.line, std::nullopt, value.value});
    } else if (old->second->value != value.value) {
      found.push_back({value.file, value.key, value.line, old->second->value, value.value});
    }
  }
  for (const InputValue& value : before) {
    if (new_values.contains({value.file, value.key})) continue;
    found.push_back({value.file, value.key, value.line, value.value, std::nullopt});
  }
  return found;
}

std::optional<std::string> taken_back(const InputChange& change, const ScenarioSpec& scenario) {
  if (!change.before || !change.after) return std::nullopt;
  const auto same_file = [&](const std::string& file) {
    return fs::path(file).lexically_normal() == fs::path(change.file).lexically_normal();
  };
  for (const auto& [path, origin] : scenario.system.origins) {
    if (origin.line == change.line && same_file(origin.file)) return path + "=" + *change.before;
  }
  if (same_file(scenario.file)) return change.key + "=" + *change.before;
  if (same_file(scenario.system.file)) return "system." + change.key + "=" + *change.before;
  return std::nullopt;
}

}  // namespace predrill::harness
