#include "harness/load/catalogue.hpp"

#include <algorithm>
#include <array>

#include "harness/input/document.hpp"

namespace predrill::harness {

std::vector<std::string_view> keys_of(const FaultForm& form) {
  constexpr std::array<std::pair<std::string_view, FaultKey>, 12> names = {
      {{"for", fault_for},
       {"force", fault_force},
       {"grace_period", fault_grace_period},
       {"scope", fault_scope},
       {"from", fault_from},
       {"one_way", fault_one_way},
       {"delay", fault_delay},
       {"loss", fault_loss},
       {"jump", fault_jump},
       {"bandwidth", fault_bandwidth},
       {"candidate", fault_candidate},
       {"restart", fault_restart}}};
  std::vector<std::string_view> keys;
  for (const auto& [name, key] : names) {
    if ((form.keys & key) != 0) keys.push_back(name);
  }
  return keys;
}

std::vector<ListedScenario> list_scenarios(const std::filesystem::path& folder) {
  std::vector<ListedScenario> all;
  std::error_code error;
  std::filesystem::recursive_directory_iterator entry(folder, error);
  for (const std::filesystem::recursive_directory_iterator end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->path().extension() != ".json" || !entry->is_regular_file(ignored)) continue;
    Diagnostics quiet;
    const auto document = load_document(entry->path(), quiet, Format::json);
    if (!document || !document->root().is_map()) continue;
    const Node* system = document->root().find("system");
    const Node* name = document->root().find("name");
    const Node* aurora = document->root().find("aurora");
    const Node* cluster = aurora == nullptr ? nullptr : aurora->find("cluster");
    const bool is_drill = system != nullptr && document->root().find("faults") != nullptr;
    const bool is_runbook = cluster != nullptr && document->root().find("runbook") != nullptr;
    const bool is_recovery = document->root().find("recovery") != nullptr;
    if (!is_drill && !is_runbook && !is_recovery) continue;
    const std::string of = is_drill ? system->text : is_runbook ? cluster->text : "";
    all.push_back(
        {entry->path(), entry->path().stem().string(), name == nullptr ? "" : name->text, of});
  }
  std::sort(all.begin(), all.end(),
            [](const ListedScenario& a, const ListedScenario& b) { return a.path < b.path; });
  return all;
}

}  // namespace predrill::harness
