#include "harness/load/chaos_experiment.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "harness/input/decimal.hpp"
#include "harness/load/chaos_actions.hpp"
#include "sim/time.hpp"
#include "sim/trace_sinks.hpp"

namespace predrill::harness {

namespace {

Node text_node(std::string text, const Place& place) {
  Node node;
  node.kind = NodeKind::text;
  node.text = std::move(text);
  node.place = place;
  return node;
}

void set(Node& map, std::string key, Node value) {
  Member member;
  member.key = std::move(key);
  member.place = value.place;
  member.value = std::move(value);
  map.members.push_back(std::move(member));
}

bool is_nonempty_text(const Node* node) {
  return node != nullptr && node->is_scalar() && node->kind != NodeKind::null &&
         !node->text.empty();
}

class Experiment {
 public:
  Experiment(const Document& document, ChaosUse use, Diagnostics& diagnostics)
      : root_(document.root()), use_(use), diagnostics_(diagnostics) {}

  std::optional<Document> scenario(const std::string& file) {
    const std::size_t errors = diagnostics_.errors();
    for (const char* key : {"title", "description"}) {
      if (is_nonempty_text(root_.find(key))) continue;
      diagnostics_.error(root_.place, key, "an experiment requires a " + std::string(key));
    }
    find_extension();
    scenario_.kind = NodeKind::map;
    scenario_.place = root_.place;
    if (const Node* title = root_.find("title")) set(scenario_, "name", *title);
    if (const Node* text = root_.find("description")) set(scenario_, "description", *text);
    copy_extension();
    read_method(*root_.find("method"));
    if (diagnostics_.errors() > errors) return std::nullopt;
    Document document;
    document.file = file;
    document.parts.push_back(std::move(scenario_));
    return document;
  }

 private:
  void problem(const Place& place, std::string path, std::string message, std::string hint) {
    if (use_ == ChaosUse::run) {
      diagnostics_.error(place, std::move(path), std::move(message), std::move(hint));
    } else {
      diagnostics_.note(place, std::move(path), std::move(message), std::move(hint));
    }
  }

  void find_extension() {
    const Node* extensions = root_.find("extensions");
    if (extensions == nullptr) return;
    for (const Node& one : extensions->items) {
      const Node* name = one.find("name");
      if (name != nullptr && name->text == "predrill") extension_ = &one;
    }
  }

  void copy_extension() {
    if (extension_ == nullptr) {
      problem(root_.place, "extensions", "an experiment does not say which system it is about",
              R"(add { "name": "predrill", "system": "../systems/mine" } to "extensions")");
      set(scenario_, "system", text_node("", root_.place));
      return;
    }
    for (const Member& member : extension_->members) {
      if (member.key != "name" && member.key != "faults") scenario_.members.push_back(member);
    }
  }

  void read_method(const Node& method) {
    if (!method.is_list()) {
      diagnostics_.error(method.place, "method", "found " + std::string(kind_text(method.kind)),
                         "write a list of activities");
      return;
    }
    Node faults;
    faults.kind = NodeKind::list;
    faults.place = method.place;
    for (std::size_t i = 0; i < method.items.size(); ++i) {
      const std::string path = "method[" + std::to_string(i) + "]";
      read_activity(method.items[i], path, faults);
    }
    if (faults.items.empty() && method.items.empty()) {
      problem(method.place, "method", "the method is empty", "a fault is an action of it");
    }
    set(scenario_, "faults", std::move(faults));
  }

  const Node* named(const std::string& name) const {
    const Node* hypothesis = root_.find("steady-state-hypothesis");
    const std::array<const Node*, 3> lists = {
        root_.find("method"), hypothesis == nullptr ? nullptr : hypothesis->find("probes"),
        root_.find("rollbacks")};
    for (const Node* list : lists) {
      if (list == nullptr) continue;
      for (const Node& one : list->items) {
        const Node* its = one.find("name");
        if (its != nullptr && its->text == name) return &one;
      }
    }
    return nullptr;
  }

  void read_activity(const Node& written, const std::string& path, Node& faults) {
    const Node* activity = &written;
    if (const Node* reference = written.find("ref")) {
      activity = named(reference->text);
      if (activity == nullptr) {
        diagnostics_.error(reference->place, path + ".ref",
                           "there is no activity " + in_quotes(reference->text));
        return;
      }
    }
    const Node* type = activity->find("type");
    const Node* name = activity->find("name");
    const Node* provider = activity->find("provider");
    if (type == nullptr || (type->text != "probe" && type->text != "action")) {
      diagnostics_.error(
          type == nullptr ? activity->place : type->place, path + ".type",
          type == nullptr ? "an activity must have a type" : "found " + in_quotes(type->text),
          "\"probe\" or \"action\"");
      return;
    }
    for (const auto& [key, node] : {std::pair("name", name), std::pair("provider", provider)}) {
      if (node != nullptr) continue;
      diagnostics_.error(activity->place, path, "an activity must have a " + std::string(key));
      return;
    }
    after_ += pause(*activity, "before", path);
    if (type->text == "action") add_fault(*name, *provider, path, faults);
    after_ += pause(*activity, "after", path);
  }

  // Seconds.
  sim::Duration pause(const Node& activity, std::string_view key, const std::string& path) {
    const Node* pauses = activity.find("pauses");
    const Node* node = pauses == nullptr ? nullptr : pauses->find(key);
    if (node == nullptr || node->kind == NodeKind::null) return {};
    const std::string text = substituted(node->text);
    const auto seconds = sim::parse_duration(text + "s");
    if (seconds) return *seconds;
    diagnostics_.error(node->place, path + ".pauses." + std::string(key),
                       "found " + in_quotes(text), "a number of seconds");
    return {};
  }

  void add_fault(const Node& name, const Node& provider, const std::string& path, Node& faults) {
    Node fault;
    fault.kind = NodeKind::map;
    fault.place = name.place;
    const Node* given = extension_ == nullptr ? nullptr : extension_->find("faults");
    if (given != nullptr) given = given->find(name.text);
    if (given != nullptr) {
      if (given->kind == NodeKind::null) return;
      fault = *given;
    } else {
      const auto known = fault_of_provider(substituted(provider));
      if (!known) {
        problem(name.place, path, "what " + in_quotes(name.text) + " does is no known fault",
                "say so in the extension predrill: \"faults\": { " + in_quotes(name.text) +
                    R"(: { "inject": "node_loss" } }, or null to leave it out)");
        return;
      }
      for (const auto& [key, value] : *known) {
        Node node = text_node(value, provider.place);
        if (value == "true") node.kind = NodeKind::boolean;
        set(fault, key, std::move(node));
      }
    }
    if (fault.is_map() && fault.find("at") == nullptr && fault.find("after") == nullptr) {
      add_time(fault, name.place, faults.items.empty());
    }
    faults.items.push_back(std::move(fault));
  }

  // The first strikes at any point of Patroni's cycle; the others follow it by the pauses.
  void add_time(Node& fault, const Place& place, bool first) {
    if (!first) {
      set(fault, "after", text_node("fault", place));
      set(fault, "at", text_node(sim::to_exact_text(after_), place));
      return;
    }
    after_ = {};
    Node range;
    range.kind = NodeKind::list;
    range.place = place;
    range.items = {text_node("60s", place), text_node("70s", place)};
    Node at;
    at.kind = NodeKind::map;
    at.place = place;
    set(at, "uniform", std::move(range));
    set(fault, "at", std::move(at));
  }

  // ${key} of "configuration"; what comes from the environment or a vault has its default.
  std::string substituted(std::string text) const {
    const Node* configuration = root_.find("configuration");
    if (configuration == nullptr) return text;
    for (const Member& member : configuration->members) {
      const Node* value = &member.value;
      if (value->is_map()) value = value->find("default");
      if (value == nullptr || !value->is_scalar()) continue;
      const std::string mark = "${" + member.key + "}";
      for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos;
           at += value->text.size()) {
        text.replace(at, mark.size(), value->text);
      }
    }
    return text;
  }
  Node substituted(Node node) const {
    if (node.is_scalar()) node.text = substituted(node.text);
    for (Node& item : node.items) item = substituted(std::move(item));
    for (Member& member : node.members) member.value = substituted(std::move(member.value));
    return node;
  }

  const Node& root_;
  ChaosUse use_;
  Diagnostics& diagnostics_;
  const Node* extension_ = nullptr;
  Node scenario_;
  sim::Duration after_{};  // the first fault
};

bool is_word_of_json(const Node& node) {
  if (node.kind == NodeKind::number || node.kind == NodeKind::boolean) return true;
  if (node.kind != NodeKind::plain) return false;
  return node.text == "true" || node.text == "false" || parse_decimal(node.text).has_value();
}

void write(const Node& node, int indentation, std::size_t depth, std::string& text) {
  const auto line = [&](std::size_t level) {
    if (indentation < 0) return;
    text += '\n';
    text.append(level * static_cast<std::size_t>(indentation), ' ');
  };
  if (node.is_scalar()) {
    const bool null = node.kind == NodeKind::null ||
                      (node.kind == NodeKind::plain && (node.text == "null" || node.text == "~"));
    text += null ? "null" : is_word_of_json(node) ? node.text : sim::json_quoted(node.text);
    return;
  }
  text += node.is_map() ? '{' : '[';
  bool first = true;
  const auto next = [&] {
    if (!first) text += indentation < 0 ? ", " : ",";
    first = false;
    line(depth + 1);
  };
  for (const Member& member : node.members) {
    next();
    text += sim::json_quoted(member.key) + ": ";
    write(member.value, indentation, depth + 1, text);
  }
  for (const Node& item : node.items) {
    next();
    write(item, indentation, depth + 1, text);
  }
  if (!first) line(depth);
  text += node.is_map() ? '}' : ']';
}

Format format_of_scenario(const std::filesystem::path& path) {
  return format_of(path) == Format::yaml ? Format::yaml : Format::json;
}

}  // namespace

bool is_chaos_experiment(const Document& document) {
  if (document.parts.size() != 1 || !document.root().is_map()) return false;
  const Node& root = document.root();
  return root.find("method") != nullptr && root.find("system") == nullptr &&
         root.find("faults") == nullptr;
}

bool is_chaos_experiment(const std::filesystem::path& path) {
  Diagnostics quiet;
  const auto document = load_document(path, quiet, format_of_scenario(path));
  return document && is_chaos_experiment(*document);
}

std::optional<Document> scenario_of_experiment(const Document& experiment, ChaosUse use,
                                               Diagnostics& diagnostics) {
  return Experiment(experiment, use, diagnostics).scenario(experiment.file);
}

std::optional<Document> load_scenario_document(const std::filesystem::path& path,
                                               Diagnostics& diagnostics) {
  const Format format = format_of_scenario(path);
  auto document = load_document(path, diagnostics, format);
  if (!document) return document;
  if (is_chaos_experiment(*document)) {
    return scenario_of_experiment(*document, ChaosUse::run, diagnostics);
  }
  if (format == Format::yaml) {
    diagnostics.error(document->root().place, "", "is no experiment of Chaos Toolkit",
                      "scenarios are written in JSON");
    return std::nullopt;
  }
  return document;
}

std::string json_of(const Node& node, int indentation) {
  std::string text;
  write(node, indentation, 0, text);
  return text;
}

}  // namespace predrill::harness
