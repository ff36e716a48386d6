#include "harness/input/overrides.hpp"

#include <algorithm>
#include <array>

#include "harness/input/nearest.hpp"
#include "harness/input/source_text.hpp"
#include "harness/input/utf8.hpp"

namespace predrill::harness {
namespace {

constexpr std::size_t setting_bytes_max = 64 * 1024;
constexpr std::size_t steps_max = 64;

class PathParser {
 public:
  PathParser(std::string_view text, std::string& problem) : text_(text), problem_(problem) {}

  std::optional<std::vector<PathStep>> parse() {
    if (text_.empty()) return fail("the path is empty");
    while (at_ < text_.size()) {
      if (steps_.size() == steps_max) return fail("the path has too many steps");
      const bool good = text_[at_] == '[' ? read_bracket() : read_key();
      if (!good) return std::nullopt;
    }
    return std::move(steps_);
  }

 private:
  bool read_key() {
    if (!steps_.empty()) {
      if (text_[at_] != '.') return fail_at("a dot or [ should stand");
      ++at_;
    }
    const std::size_t end = std::min(text_.find_first_of(".[", at_), text_.size());
    if (end == at_) return fail_at("a key is missing");
    steps_.push_back({std::string(text_.substr(at_, end - at_)), std::nullopt});
    at_ = end;
    return true;
  }

  bool read_bracket() {
    ++at_;
    PathStep step;
    if (at_ < text_.size() && text_[at_] == '"') {
      const std::size_t end = text_.find("\"]", ++at_);
      if (end == std::string_view::npos) return fail_at("\"] is missing");
      step.key = text_.substr(at_, end - at_);
      at_ = end + 2;
    } else {
      const std::size_t end = text_.find(']', at_);
      const std::string_view digits =
          text_.substr(at_, end == std::string_view::npos ? 0 : end - at_);
      constexpr std::size_t digits_max = 9;
      if (digits.empty() || digits.size() > digits_max ||
          digits.find_first_not_of("0123456789") != std::string_view::npos) {
        return fail_at("an index or a key in double quotes and ] should stand");
      }
      std::size_t index = 0;
      for (const char c : digits) index = index * 10 + static_cast<std::size_t>(c - '0');
      step.index = index;
      at_ = end + 1;
    }
    steps_.push_back(std::move(step));
    return true;
  }

  bool fail_at(const std::string& message) {
    problem_ = message + " after " + in_quotes(text_.substr(0, at_));
    return false;
  }

  std::nullopt_t fail(std::string message) {
    problem_ = std::move(message);
    return std::nullopt;
  }

  std::string_view text_;
  std::string& problem_;
  std::size_t at_ = 0;
  std::vector<PathStep> steps_;
};

std::string text_of(std::span<const PathStep> steps) {
  std::string path;
  for (const PathStep& step : steps) {
    path = step.index ? child_path(path, *step.index) : child_path(path, step.key);
  }
  return path;
}

void set_places(Node& node, const Place& place) {
  node.place = place;
  for (Node& item : node.items) set_places(item, place);
  for (Member& member : node.members) {
    member.place = place;
    set_places(member.value, place);
  }
}

class Setting {
 public:
  Setting(const std::string& text, Diagnostics& diagnostics)
      : text_(text), diagnostics_(diagnostics) {
    place_.file = std::make_shared<const std::string>("--set " + printable(text, 200));
  }

  bool apply(std::span<const OverrideTarget> targets) {
    if (text_.size() > setting_bytes_max) return fail("", "the setting is too long");
    if (text_.find('\0') != std::string::npos ||
        find_invalid_utf8(text_) != std::string_view::npos) {
      return fail("", "the setting is not UTF-8 text");
    }
    const std::size_t equals = equals_sign();
    if (equals == std::string::npos) return fail("", "there is no =", "write path=value");
    std::string problem;
    auto steps = parse_path(std::string_view(text_).substr(0, equals), problem);
    if (!steps) return fail("", problem, "a path looks like faults[0].at");
    steps_ = std::move(*steps);
    Node value;
    if (!read_value(text_.substr(equals + 1), value)) return false;
    Node* parent = choose_target(targets);
    if (parent == nullptr) return fail("", "there is nothing to set");
    for (std::size_t i = done_; i + 1 < steps_.size(); ++i) {
      parent = step_into(*parent, i, targets);
      if (parent == nullptr) return false;
    }
    return put(*parent, std::move(value), targets);
  }

 private:
  // The = that ends the path; a key in [" "] may hold one.
  std::size_t equals_sign() const {
    bool in_key = false;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      if (text_.compare(i, 2, "[\"") == 0) in_key = true;
      if (text_.compare(i, 2, "\"]") == 0) in_key = false;
      if (text_[i] == '=' && !in_key) return i;
    }
    return std::string::npos;
  }

  bool read_value(const std::string& text, Node& value) {
    if (text.empty() || (text[0] != '[' && text[0] != '{' && text[0] != '"')) {
      value.kind = NodeKind::plain;
      value.text = text;
    } else {
      Diagnostics found;
      auto document = parse_document(text, "value", Format::json, found);
      for (const Diagnostic& problem : found.sorted()) {
        diagnostics_.error(place_, text_of(steps_),
                           "the value is not JSON: column " + std::to_string(problem.place.column) +
                               ": " + problem.message,
                           problem.hint);
      }
      if (!document || found.has_errors()) return false;
      value = std::move(document->root());
    }
    set_places(value, place_);
    return true;
  }

  // The root of the longest prefix; counts the steps that the prefix takes.
  Node* choose_target(std::span<const OverrideTarget> targets) {
    Node* best = nullptr;
    for (const OverrideTarget& target : targets) {
      const std::vector<PathStep> prefix = steps_of(target.prefix);
      if (prefix.empty() != target.prefix.empty() || prefix.size() >= steps_.size()) continue;
      if (!std::equal(prefix.begin(), prefix.end(), steps_.begin(), is_same)) continue;
      if (best != nullptr && prefix.size() < done_) continue;
      best = target.root;
      done_ = prefix.size();
    }
    return best;
  }

  Node* step_into(Node& parent, std::size_t i, std::span<const OverrideTarget> targets) {
    const PathStep& step = steps_[i];
    const std::string path = text_of(std::span(steps_).first(i));
    if (step.index) return item(parent, path, *step.index);
    Node* child = parent.find(step.key);
    if (child != nullptr) return child;
    std::vector<std::string> known = files_below(i, targets);
    if (known.empty() && !check_map(parent, path)) return nullptr;
    for (const Member& member : parent.members) known.push_back(member.key);
    fail(path, in_quotes(step.key) + " does not exist", did_you_mean(step.key, known));
    return nullptr;
  }

  bool put(Node& parent, Node value, std::span<const OverrideTarget> targets) {
    const PathStep& step = steps_.back();
    const std::string path = text_of(std::span(steps_).first(steps_.size() - 1));
    if (step.index) {
      Node* old = item(parent, path, *step.index);
      if (old != nullptr) *old = std::move(value);
      return old != nullptr;
    }
    if (!check_map(parent, path)) return false;
    // A whole document is not a value of the one that names it.
    if (steps_.size() == 1 && std::any_of(targets.begin(), targets.end(), [&](const auto& target) {
          return target.prefix == step.key;
        })) {
      return fail("", in_quotes(step.key) + " is a file, not a value",
                  "write " + step.key + ".key=value");
    }
    for (Member& member : parent.members) {
      if (member.key != step.key) continue;
      member.value = std::move(value);
      return true;
    }
    parent.members.push_back({step.key, place_, std::move(value)});
    return true;
  }

  Node* item(Node& parent, const std::string& path, std::size_t index) {
    if (!parent.is_list()) {
      fail(path, std::string(kind_text(parent.kind)) + " has no [" + std::to_string(index) + "]");
      return nullptr;
    }
    const std::size_t size = parent.items.size();
    if (index < size) return &parent.items[index];
    fail(path, "[" + std::to_string(index) + "] does not exist",
         size == 0 ? "the list is empty" : "the last one is [" + std::to_string(size - 1) + "]");
    return nullptr;
  }

  bool check_map(const Node& parent, const std::string& path) {
    if (parent.is_map()) return true;
    return fail(path, std::string(kind_text(parent.kind)) + " has no keys",
                parent.is_list() ? "name an entry of the list: " + path + "[0]" : "");
  }

  // Step i of the prefixes that begin like this path.
  std::vector<std::string> files_below(std::size_t i,
                                       std::span<const OverrideTarget> targets) const {
    std::vector<std::string> out;
    for (const OverrideTarget& target : targets) {
      const std::vector<PathStep> prefix = steps_of(target.prefix);
      if (prefix.size() > i &&
          std::equal(prefix.begin(), prefix.begin() + static_cast<std::ptrdiff_t>(i),
                     steps_.begin(), is_same)) {
        out.push_back(prefix[i].key);
      }
    }
    return out;
  }

  static std::vector<PathStep> steps_of(const std::string& prefix) {
    std::string ignored;
    return parse_path(prefix, ignored).value_or(std::vector<PathStep>());
  }

  static bool is_same(const PathStep& a, const PathStep& b) {
    return a.key == b.key && a.index == b.index;
  }

  bool fail(std::string path, std::string message, std::string hint = "") {
    diagnostics_.error(place_, std::move(path), std::move(message), std::move(hint));
    return false;
  }

  const std::string& text_;
  Diagnostics& diagnostics_;
  Place place_;
  std::vector<PathStep> steps_;
  std::size_t done_ = 0;  // steps that the prefix of the target takes
};

}  // namespace

std::optional<std::vector<PathStep>> parse_path(std::string_view text, std::string& problem) {
  return PathParser(text, problem).parse();
}

bool apply_overrides(std::span<const OverrideTarget> targets, std::span<const std::string> settings,
                     Diagnostics& diagnostics) {
  bool all = true;
  for (const std::string& setting : settings) {
    all = Setting(setting, diagnostics).apply(targets) && all;
  }
  return all;
}

bool apply_overrides(Document& document, std::span<const std::string> settings,
                     Diagnostics& diagnostics) {
  const std::array targets = {OverrideTarget{"", &document.root()}};
  return apply_overrides(targets, settings, diagnostics);
}

}  // namespace predrill::harness
