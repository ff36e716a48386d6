#include "harness/input/reader.hpp"

#include <algorithm>

#include "harness/input/nearest.hpp"
#include "harness/input/source_text.hpp"

namespace predrill::harness {
namespace {

constexpr std::size_t listed_max = 30;

// "Allowed: at, inject, on", shortened where the list is long.
std::string allowed(std::span<const std::string_view> names) {
  if (names.empty()) return "no keys are allowed here";
  std::string out = "Allowed: ";
  for (std::size_t i = 0; i < names.size() && i < listed_max; ++i) {
    if (i > 0) out += ", ";
    out += names[i];
  }
  if (names.size() > listed_max) {
    out += " and " + std::to_string(names.size() - listed_max) + " more";
  }
  return out;
}

std::string joined(const std::string& first, const std::string& second) {
  return first.empty() ? second : first + " " + second;
}

// Looking for the nearest spelling costs more than reading: of a file of junk only the first
// problems get one, and more are not printed.
std::string guess(const Diagnostics& diagnostics, std::string_view word,
                  std::span<const std::string_view> names) {
  constexpr std::size_t guesses_max = 1'000;
  if (diagnostics.errors() + diagnostics.warnings() >= guesses_max) return "";
  return did_you_mean(word, names);
}

// What was found, as it stands in the file.
std::string found(const Node& node) {
  switch (node.kind) {
    case NodeKind::text:
    case NodeKind::plain:
      return in_quotes(node.text);
    case NodeKind::number:
    case NodeKind::boolean:
      return printable(node.text);
    default:
      return std::string(kind_text(node.kind));
  }
}

}  // namespace

void Value::error(std::string message, std::string hint) const {
  diagnostics_->error(place_, path_, std::move(message), std::move(hint));
}

void Value::warning(std::string message, std::string hint) const {
  diagnostics_->warning(place_, path_, std::move(message), std::move(hint));
}

void Value::expected(std::string_view what) const {
  if (node_->kind == NodeKind::null) {
    error("null where " + std::string(what) + " should stand",
          "leave the key out or give it a value");
  } else {
    error("found " + found(*node_) + " where " + std::string(what) + " should stand");
  }
}

std::optional<std::string> Value::text() const {
  if (!exists()) return std::nullopt;
  if (node_->kind == NodeKind::text || node_->kind == NodeKind::plain) return node_->text;
  if (node_->kind == NodeKind::number || node_->kind == NodeKind::boolean) {
    error("found " + found(*node_) + " where text should stand",
          "write \"" + printable(node_->text) + "\"");
  } else {
    expected("text");
  }
  return std::nullopt;
}

std::optional<std::size_t> Value::choice_index(std::string_view what,
                                               std::span<const std::string_view> names) const {
  const std::optional<std::string> word = text();
  if (!word) return std::nullopt;
  const auto match = std::find(names.begin(), names.end(), *word);
  if (match != names.end()) return static_cast<std::size_t>(match - names.begin());
  error(in_quotes(*word) + " is not " + std::string(what),
        joined(guess(*diagnostics_, *word, names), allowed(names)));
  return std::nullopt;
}

std::vector<Value> Value::items() const {
  std::vector<Value> out;
  if (!exists()) return out;
  if (!node_->is_list()) {
    expected("a list");
    return out;
  }
  out.reserve(node_->items.size());
  for (const Node& item : node_->items) {
    out.emplace_back(&item, child_path(path_, out.size()), item.place, *diagnostics_);
  }
  return out;
}

std::vector<std::pair<std::string, Value>> Value::entries() const {
  std::vector<std::pair<std::string, Value>> out;
  if (!exists()) return out;
  if (!node_->is_map()) {
    expected("a map");
    return out;
  }
  out.reserve(node_->members.size());
  for (const Member& member : node_->members) {
    out.emplace_back(member.key, Value(&member.value, child_path(path_, member.key),
                                       member.value.place, *diagnostics_));
  }
  return out;
}

Value root_value(const Document& document, Diagnostics& diagnostics) {
  return node_value(document.root(), "", diagnostics);
}

Value node_value(const Node& node, std::string path, Diagnostics& diagnostics) {
  return Value(&node, std::move(path), node.place, diagnostics);
}

Reader::Reader(const Value& value) : value_(value) {
  if (!value_.exists()) {
    finished_ = true;
  } else if (!value_.node()->is_map()) {
    value_.entries();  // reports it
    finished_ = true;
  }
}

Reader::Reader(const Value& value, ForeignFormat format) : Reader(value) {
  is_foreign_ = true;
  foreign_ = format;
}

bool Reader::has(std::string_view key) const {
  return value_.exists() && value_.node()->find(key) != nullptr;
}

Value Reader::optional(std::string_view key) {
  if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) asked_.emplace_back(key);
  const Node* node = value_.exists() ? value_.node()->find(key) : nullptr;
  if (node != nullptr && is_foreign_ && node->kind == NodeKind::null) node = nullptr;
  return Value(node, child_path(value_.path(), key), node == nullptr ? value_.place() : node->place,
               value_.diagnostics());
}

Value Reader::required(std::string_view key) {
  Value value = optional(key);
  if (!value.exists() && !finished_) missing_.emplace_back(key);
  return value;
}

void Reader::finish() {
  if (finished_) return;
  finished_ = true;
  for (const Member& member : value_.node()->members) {
    if (std::find(asked_.begin(), asked_.end(), member.key) != asked_.end()) continue;
    report_unknown(member);
    // A misspelt key is not reported a second time as missing.
    if (!is_foreign_ && !missing_.empty()) std::erase(missing_, nearest(member.key, asked_));
  }
  for (const std::string& key : missing_) {
    value_.error("the key " + in_quotes(key) + " is missing");
  }
}

void Reader::report_unknown(const Member& member) {
  const std::string path = child_path(value_.path(), member.key);
  Diagnostics& diagnostics = value_.diagnostics();
  const std::vector<std::string_view> asked(asked_.begin(), asked_.end());
  if (!is_foreign_) {
    diagnostics.error(member.place, path, "unknown key",
                      joined(guess(diagnostics, member.key, asked), allowed(asked)));
    return;
  }
  const bool is_known =
      std::find(foreign_.known.begin(), foreign_.known.end(), member.key) != foreign_.known.end();
  std::vector<std::string_view> candidates = asked;
  candidates.insert(candidates.end(), foreign_.known.begin(), foreign_.known.end());
  std::string message = is_known ? "not modelled" : "unknown to " + std::string(foreign_.system);
  std::string hint =
      is_known ? "it has no effect on the run" : guess(diagnostics, member.key, candidates);
  // Someone who sets it on the command line wants to see its effect.
  const bool is_error = member.place.from_command_line();
  diagnostics.add({is_error ? Severity::error : Severity::warning, member.place, path,
                   std::move(message), std::move(hint)});
}

}  // namespace predrill::harness
