#include "harness/kinds/scenario_parts.hpp"

#include <algorithm>
#include <optional>

#include "harness/input/nearest.hpp"
#include "harness/load/read_distribution.hpp"

namespace predrill::harness {

namespace {

std::optional<FaultArgument> read_argument(const Value& value, const ArgumentForm& form) {
  const auto wrapped = [](const auto& found) -> std::optional<FaultArgument> {
    if (!found) return std::nullopt;
    return FaultArgument(*found);
  };
  switch (form.type) {
    case ArgumentType::flag:
      return wrapped(value.boolean());
    case ArgumentType::count:
      return wrapped(value.integer(0));
    case ArgumentType::number:
      return wrapped(value.number(0));
    case ArgumentType::share: {
      const auto ratio = value.ratio();
      if (!ratio) return std::nullopt;
      return static_cast<double>(ratio->numerator) / static_cast<double>(ratio->denominator);
    }
    case ArgumentType::duration:
      return wrapped(value.duration());
    case ArgumentType::distribution:
      return wrapped(read_distribution(value));
    case ArgumentType::word: {
      const bool vowel = std::string_view("aeiou").find(form.key.front()) != std::string_view::npos;
      const std::string what = (vowel ? "an " : "a ") + std::string(form.key);
      const auto index = value.choice_index(what, form.words);
      if (!index) return std::nullopt;
      return std::string(form.words[*index]);
    }
  }
  return std::nullopt;
}

void read_targets(const Value& on, const std::vector<std::string>& allowed, const FaultType& type,
                  FaultSpec& fault, bool complete) {
  std::vector<Value> named;
  if (on.node()->is_list()) {
    named = on.items();
  } else {
    named.push_back(on);
  }
  for (const Value& one : named) {
    const auto name = one.text();
    if (!name) continue;
    fault.targets.push_back(*name);
    if (!complete || std::find(allowed.begin(), allowed.end(), *name) != allowed.end()) continue;
    std::string hint = did_you_mean(*name, allowed);
    for (std::size_t i = 0; hint.empty() && i < allowed.size() && i < 12; ++i) {
      if (i + 1 == std::min<std::size_t>(allowed.size(), 12)) {
        std::string list;
        for (std::size_t j = 0; j <= i; ++j) list += (j > 0 ? ", " : "") + allowed[j];
        hint = "it strikes " + list;
      }
    }
    one.error(std::string(type.name) + " cannot strike " + in_quotes(*name), hint);
  }
}

}  // namespace

std::optional<std::string> read_milestone(const Value& value, std::span<const Milestone> known) {
  const auto text = value.text();
  if (!text) return std::nullopt;
  std::string name = *text;
  const std::size_t mark = name.find('#');
  if (mark != std::string::npos && mark + 2 == name.size() && name[mark + 1] >= '2' &&
      name[mark + 1] <= '9') {
    name.resize(mark);
  }
  if (std::any_of(known.begin(), known.end(), [&](const Milestone& m) { return m.name == name; })) {
    return text;
  }
  std::vector<std::string_view> names;
  for (const Milestone& milestone : known) names.push_back(milestone.name);
  value.choice_index("a milestone", names);  // reports it
  return std::nullopt;
}

void read_kind_fault(const Value& value, const SystemKind& kind, ScenarioSpec& spec,
                     bool complete) {
  Reader reader(value);
  FaultSpec fault;
  std::vector<std::string_view> names;
  for (const FaultType& type : kind.faults()) names.push_back(type.name);
  const auto index = reader.required("inject").choice_index("a fault of such a system", names);
  const Value at = reader.optional("at");
  const Value after = reader.optional("after");
  if (auto delay = read_distribution(at)) fault.at.delay = std::move(*delay);
  if (after.exists()) {
    if (auto name = read_milestone(after, kind.milestones())) fault.at.after = std::move(*name);
  }
  if (value.node()->is_map() && !at.exists() && !after.exists()) {
    value.error(
        "neither \"at\" nor \"after\" says when the fault strikes",
        R"(write "at": "60s" or "after": ")" + std::string(kind.milestones()[0].name) + "\"");
  }
  const Value on = reader.optional("on");
  fault.length = reader.optional("for").duration(std::chrono::nanoseconds(1));
  if (!index) {
    // Which other keys belong here is not known.
    if (value.node()->is_map()) {
      for (const Member& member : value.node()->members) reader.ignore(member.key);
    }
    return;
  }
  const FaultType& type = kind.faults()[*index];
  fault.name = type.name;
  const std::vector<std::string> allowed =
      complete ? kind.targets(spec.system, type) : std::vector<std::string>{};
  if (on.exists()) {
    read_targets(on, allowed, type, fault, complete);
  } else if (!allowed.empty()) {
    fault.targets.push_back(allowed.front());
  }
  for (const ArgumentForm& form : type.arguments) {
    const Value one = form.required ? reader.required(form.key) : reader.optional(form.key);
    if (!one.exists()) continue;
    if (auto argument = read_argument(one, form)) {
      fault.arguments.emplace(std::string(form.key), std::move(*argument));
    }
  }
  spec.faults.push_back(std::move(fault));
}

void read_kind_path(const Value& value, const SystemKind& kind, ScenarioSpec& spec) {
  spec.path = kind.paths().front();
  if (const auto index = value.choice_index("a path of clients", kind.paths())) {
    spec.path = kind.paths()[*index];
  }
}

}  // namespace predrill::harness
