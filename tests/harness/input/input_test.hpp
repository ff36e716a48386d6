// A document under test: parsed from text as the file "x", with the problems found.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "harness/input/reader.hpp"

struct Input {
  explicit Input(std::string_view source,
                 predrill::harness::Format format = predrill::harness::Format::json,
                 const predrill::harness::Limits& limits = {})
      : document(predrill::harness::parse_document(source, "x", format, diagnostics, limits)) {}

  predrill::harness::Value root() { return root_value(*document, diagnostics); }
  std::string text() const { return diagnostics.text(); }

  predrill::harness::Diagnostics diagnostics;
  std::optional<predrill::harness::Document> document;
};
