// Experiments of Chaos Toolkit as scenarios: the actions of their method become faults. Structure:
// chaostoolkit-lib 1.x, experiment.py, activity.py and hypothesis.py.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "harness/input/document.hpp"

namespace predrill::harness {

/// A file with a "method" and without the keys of a scenario.
bool is_chaos_experiment(const Document& document);

/// The same for a file; false if it cannot be read.
bool is_chaos_experiment(const std::filesystem::path& path);

enum class ChaosUse {
  run,       // what is missing or cannot be simulated is an error
  skeleton,  // ... is a note: somebody fills it in
};

/// The scenario that an experiment describes, each value at the place of what it comes from. The
/// system and its objectives are not Chaos Toolkit's: they stand in `"extensions": [{"name":
/// "predrill", "system": "...", ...}]`, with the keys of a scenario; its "faults" say by the name
/// of an activity which fault it is, null for none.
std::optional<Document> scenario_of_experiment(const Document& experiment, ChaosUse use,
                                               Diagnostics&);

/// A scenario, or the one that an experiment (.json, .yaml, .yml) describes.
std::optional<Document> load_scenario_document(const std::filesystem::path& path, Diagnostics&);

/// A tree as JSON of this indentation; -1: on one line. Plain words of YAML become numbers, true,
/// false or null where YAML 1.2 says so.
std::string json_of(const Node& node, int indentation = -1);

}  // namespace predrill::harness
