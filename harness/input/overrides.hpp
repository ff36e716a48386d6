// Values of a document given on the command line: --set faults[0].at=65s
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/input/document.hpp"

namespace predrill::harness {

/// A step of a path: a key of a map or an index of a list.
struct PathStep {
  std::string key;
  std::optional<std::size_t> index;
};

/// "faults[0].at", "labels[\"app.kubernetes.io/name\"]". On a mistake nullopt and, in `problem`, a
/// sentence that says what is wrong.
std::optional<std::vector<PathStep>> parse_path(std::string_view text, std::string& problem);

/// A document that settings may change, under the word that their paths begin with ("patroni" for
/// patroni.ttl); "" for the document itself. The longest prefix that fits wins.
struct OverrideTarget {
  std::string prefix;
  Node* root = nullptr;
};

/// Applies settings "path=value" in their order. A value that begins with [ { or " is read as JSON,
/// anything else is a plain word. The last key of a path may be new, because a setting may have its
/// default in the file; whether it is known is said by who reads the document. Every other step
/// must exist. The place of a changed value is "--set path=value".
/// Returns false if one of the settings could not be applied.
bool apply_overrides(std::span<const OverrideTarget>, std::span<const std::string> settings,
                     Diagnostics&);
bool apply_overrides(Document&, std::span<const std::string> settings, Diagnostics&);

}  // namespace predrill::harness
