#include "harness/cli/explanations.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "harness/cli/explanation_tables.hpp"
#include "harness/input/nearest.hpp"
#include "harness/load/catalogue.hpp"

namespace predrill::harness {

namespace {

constexpr std::size_t narrowest = 40;
constexpr std::size_t widest = 100;  // longer lines are hard to read

// Without what people write in different ways: letter case, '_', '-', spaces.
std::string folded(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (c == '_' || c == '-' || c == ' ') continue;
    out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

// Other words for an entry, folded.
constexpr std::array<std::pair<std::string_view, std::string_view>, 17> aliases = {{
    {"masterstarttimeout", "primary_start_timeout"},
    {"masterstoptimeout", "primary_stop_timeout"},
    {"postgresql", "postgres"},
    {"kubernetesendpoints", "kubernetes_dcs"},
    {"endpoints", "kubernetes_dcs"},
    {"service", "kubernetes_service"},
    {"tcpkeepidle", "tcp_keepalive"},
    {"tcpkeepintvl", "tcp_keepalive"},
    {"tcpkeepcnt", "tcp_keepalive"},
    {"poolsize", "default_pool_size"},
    {"reservepool", "reserve_pool_size"},
    {"safetymargin", "watchdog"},
    {"graceperiod", "terminationGracePeriodSeconds"},
    {"podterminategraceperiod", "terminationGracePeriodSeconds"},
    {"dualwriters", "dual_writer"},
    {"recoverytime", "rto"},
    {"dataloss", "rpo"},
}};

// The program that a part of a path stands for, "" if it is none.
std::string_view owner_of(std::string_view part) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> owners = {{
      {"patroni", "patroni"},
      {"postgres", "postgres"},
      {"postgresql", "postgres"},
      {"pgbouncer", "pgbouncer"},
      {"haproxy", "haproxy"},
      {"kubernetes", "kubernetes"},
      {"targetgroup", "target_group"},
  }};
  const std::string word = folded(part);
  for (const auto& [name, owner] : owners) {
    if (word == name) return owner;
  }
  return "";
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t dot = path.find('.');
    parts.push_back(path.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    path.remove_prefix(dot + 1);
  }
}

const Explanation* find_word(std::string_view word) {
  std::string wanted = folded(word);
  if (wanted.empty()) return nullptr;
  for (const auto& [alias, name] : aliases) {
    if (wanted == alias) wanted = folded(name);
  }
  for (const Explanation& entry : explanations()) {
    if (folded(entry.name) == wanted) return &entry;
  }
  return nullptr;
}

// The program named last before the part `end`, as in "spec.patroni.ttl".
std::string_view owner_before(const std::vector<std::string_view>& parts, std::size_t end) {
  for (std::size_t i = end; i > 0; --i) {
    const std::string_view owner = owner_of(parts[i - 1]);
    if (!owner.empty()) return owner;
  }
  return "";
}

// "rpo.rows" and "watchdog.mode" are parts of what one entry explains.
bool has_parts(const Explanation& entry) {
  return entry.topic == Topic::measure || entry.name == "watchdog";
}

std::string full_name(const Explanation& entry) {
  return entry.owner.empty() ? std::string(entry.name)
                             : std::string(entry.owner) + "." + std::string(entry.name);
}

// "Source:     first line" with the following lines below the first.
std::string labelled(std::string_view label, std::string_view text, std::size_t width) {
  constexpr std::size_t indent = 12;
  std::string out(label);
  out += ':';
  out.resize(indent, ' ');
  bool first = true;
  for (const std::string& line : wrap(text, width - indent)) {
    if (!first) out += std::string(indent, ' ');
    out += line + '\n';
    first = false;
  }
  return out;
}

std::string title_of(const Explanation& entry, std::size_t width, const TextStyle& style) {
  std::string kind(to_text(entry.topic));
  if (!entry.owner.empty()) kind += " of " + std::string(entry.owner);
  std::string title(entry.name);
  title += " (" + kind + "): " + std::string(entry.summary);
  std::string out;
  for (std::string line : wrap(title, width)) {
    if (out.empty() && line.starts_with(entry.name)) {
      line = coloured(entry.name, Colour::bold, style) + line.substr(entry.name.size());
    }
    out += line + '\n';
  }
  return out;
}

}  // namespace

std::string_view to_text(Topic topic) {
  switch (topic) {
    case Topic::fault:
      return "fault";
    case Topic::stage:
      return "stage";
    case Topic::measure:
      return "measure";
    case Topic::setting:
      return "setting";
    case Topic::model:
      return "model";
  }
  return "?";
}

const std::vector<Explanation>& explanations() {
  static const std::vector<Explanation> all = [] {
    std::vector<Explanation> entries = explained_faults();
    for (const auto table :
         {explained_outcomes(), explained_patroni(), explained_servers(), explained_pooler(),
          explained_balancer(), explained_models(), explained_aws(), explained_gateway()}) {
      entries.insert(entries.end(), table.begin(), table.end());
    }
    return entries;
  }();
  return all;
}

const Explanation* find_explanation(std::string_view name) {
  const auto parts = parts_of(name);
  // Attributes of a target group are explained by one of their parts.
  const std::string_view front = owner_of(parts.front());
  for (const std::string_view part : parts) {
    if (!front.empty() && front != "target_group") break;
    const Explanation* found = find_word(part);
    if (found != nullptr && found->owner == "target_group") return found;
  }
  const auto fits = [&](const Explanation* entry, std::size_t index) {
    if (entry == nullptr) return false;
    const std::string_view owner = owner_before(parts, index);
    return owner.empty() || owner == entry->owner;
  };
  const std::size_t last = parts.size() - 1;
  const Explanation* entry = find_word(parts[last]);
  if (fits(entry, last)) return entry;
  if (entry != nullptr || last == 0) return nullptr;
  entry = find_word(parts[last - 1]);
  return fits(entry, last - 1) && has_parts(*entry) ? entry : nullptr;
}

std::vector<std::string> similar_explanations(std::string_view name, std::size_t most) {
  const std::string_view word = parts_of(name).back();
  const bool qualified = word.size() != name.size();
  std::vector<std::string_view> names;
  for (const Explanation& entry : explanations()) names.push_back(entry.name);

  std::vector<std::string> found;
  const auto add = [&](const Explanation& entry) {
    std::string text = qualified ? full_name(entry) : std::string(entry.name);
    if (found.size() < most && std::find(found.begin(), found.end(), text) == found.end()) {
      found.push_back(std::move(text));
    }
  };
  const std::string best = nearest(word, names);
  if (!best.empty()) add(*find_word(best));
  const std::string wanted = folded(word);
  if (wanted.size() < 3) return found;
  for (const Explanation& entry : explanations()) {
    const std::string other = folded(entry.name);
    if (other.find(wanted) != std::string::npos || wanted.find(other) != std::string::npos) {
      add(entry);
    }
  }
  return found;
}

std::string text_of(const Explanation& entry, const TextStyle& style) {
  const std::size_t width = std::clamp(style.width, narrowest, widest);
  std::string out = title_of(entry, width, style);
  out += '\n';
  for (const std::string& line : wrap(entry.text, width)) out += line + '\n';
  out += '\n';
  if (!entry.key.empty()) {
    out += labelled(entry.topic == Topic::fault ? "Leader key" : "Default", entry.key, width);
  }
  for (const FaultForm& form : fault_forms()) {
    if (entry.topic != Topic::fault || form.name != entry.name) continue;
    std::string keys = "at, after, on";
    for (const std::string_view key : keys_of(form)) keys += ", " + std::string(key);
    out += labelled("Keys", keys, width);
  }
  std::string related;
  for (const std::string_view name : entry.related) {
    if (!name.empty()) related += (related.empty() ? "" : ", ") + std::string(name);
  }
  out += labelled("Related", related, width);
  out += labelled("Source", entry.source, width);
  return out;
}

}  // namespace predrill::harness
