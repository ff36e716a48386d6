// JSON Schema validation of the published file formats (scenario, system, result).
#pragma once

#include <string_view>
#include <vector>

#include "harness/input/diagnostics.hpp"

namespace predrill::harness {

/// Holds a JSON document (comments allowed) against a JSON Schema. One problem per violated rule,
/// innermost ones included, with the place and path of the value; empty if the document is valid.
/// A document or schema that cannot be read is a problem too. Keywords are those of draft 7, which
/// is what Valijson knows; "$defs" works through "$ref".
std::vector<Diagnostic> validate_against_schema(std::string_view document, std::string_view schema);

}  // namespace predrill::harness
