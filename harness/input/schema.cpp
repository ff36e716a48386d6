#include "harness/input/schema.hpp"

// Without this Valijson ends the process on a schema that it cannot read.
#define VALIJSON_USE_EXCEPTIONS 1

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "harness/input/document.hpp"
#include "harness/input/source_text.hpp"

namespace predrill::harness {
namespace {

using Json = nlohmann::json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;

// Valijson names a value by steps: "<root>", then "[faults]" or "[0]".
struct Found {
  std::string path;
  Place place;
};

Found find(const Node& root, const std::vector<std::string>& steps) {
  Found found{"", root.place};
  const Node* node = &root;
  for (const std::string& step : steps) {
    if (step.size() < 2 || step.front() != '[') continue;
    const std::string key = step.substr(1, step.size() - 2);
    const Node* child = nullptr;
    if (node != nullptr && node->is_list()) {
      std::size_t index = 0;
      for (const char c : key) index = index * 10 + static_cast<std::size_t>(c - '0');
      if (index < node->items.size()) child = &node->items[index];
      found.path = child_path(found.path, index);
    } else {
      if (node != nullptr) child = node->find(key);
      found.path = child_path(found.path, key);
    }
    if (child != nullptr) found.place = child->place;
    node = child;
  }
  return found;
}

// Our own parser first, for its limits and its places; nlohmann-json then builds what Valijson
// reads.
std::optional<Document> read(std::string_view text, const char* name, Json& json,
                             Diagnostics& diagnostics) {
  std::optional<Document> document = parse_document(text, name, Format::json, diagnostics);
  if (!document || diagnostics.has_errors()) return std::nullopt;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  json = Json::parse(text, nullptr, false, true);
  if (!json.is_discarded()) return document;
  // What our parser takes and this one does not: a number beyond double.
  diagnostics.error(document->root().place, "", "holds a number that is out of range");
  return std::nullopt;
}

}  // namespace

std::vector<Diagnostic> validate_against_schema(std::string_view document_text,
                                                std::string_view schema_text) {
  Diagnostics diagnostics;
  Json document_json, schema_json;
  const auto document = read(document_text, "document", document_json, diagnostics);
  const auto schema_document = read(schema_text, "schema", schema_json, diagnostics);
  if (!document || !schema_document) return diagnostics.sorted();
  try {
    valijson::Schema schema;
    valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
    parser.populateSchema(Adapter(schema_json), schema);
    valijson::Validator validator(valijson::Validator::kStrongTypes);
    valijson::ValidationResults results;
    validator.validate(schema, Adapter(document_json), &results);
    for (const auto& error : results) {
      Found found = find(document->root(), error.context);
      diagnostics.error(found.place, std::move(found.path), printable(error.description, 300));
    }
  } catch (const std::exception& e) {
    diagnostics.error(schema_document->root().place, "", "the schema: " + printable(e.what(), 300));
  }
  return diagnostics.sorted();
}

}  // namespace predrill::harness
