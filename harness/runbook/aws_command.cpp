#include "harness/runbook/aws_command.hpp"

#include <algorithm>
#include <array>

#include "harness/input/diagnostics.hpp"
#include "harness/input/nearest.hpp"

namespace predrill::harness {

namespace {

struct VerbName {
  std::string_view name;
  AwsVerb verb;
};

constexpr std::array<VerbName, 6> verbs = {{
    {"create-db-cluster-snapshot", AwsVerb::create_db_cluster_snapshot},
    {"delete-db-cluster-snapshot", AwsVerb::delete_db_cluster_snapshot},
    {"reboot-db-instance", AwsVerb::reboot_db_instance},
    {"modify-db-instance", AwsVerb::modify_db_instance},
    {"modify-db-cluster", AwsVerb::modify_db_cluster},
    {"failover-db-cluster", AwsVerb::failover_db_cluster},
}};

constexpr std::array<VerbName, 3> waiters = {{
    {"db-instance-available", AwsVerb::wait_instance_available},
    {"db-cluster-available", AwsVerb::wait_cluster_available},
    {"db-cluster-snapshot-available", AwsVerb::wait_snapshot_available},
}};

struct TextOption {
  std::string_view name;
  std::string AwsCommand::*member;  // nullptr: taken and not used
};

constexpr std::array<TextOption, 14> text_options = {{
    {"--db-cluster-identifier", &AwsCommand::cluster},
    {"--db-instance-identifier", &AwsCommand::instance},
    {"--target-db-instance-identifier", &AwsCommand::instance},
    {"--db-cluster-snapshot-identifier", &AwsCommand::snapshot},
    {"--db-instance-class", &AwsCommand::instance_class},
    {"--database-insights-mode", &AwsCommand::insights_mode},
    {"--performance-insights-retention-period", nullptr},
    {"--region", nullptr},
    {"--profile", nullptr},
    {"--query", nullptr},
    {"--output", nullptr},
    {"--filters", nullptr},
    {"--source-type", nullptr},
    {"--source-identifier", nullptr},
}};

constexpr std::array<std::pair<std::string_view, bool AwsCommand::*>, 3> flags = {{
    {"--apply-immediately", &AwsCommand::apply_immediately},
    {"--force-failover", &AwsCommand::force_failover},
    {"--no-apply-immediately", nullptr},
}};

template <std::size_t n>
std::optional<AwsVerb> find_verb(const std::array<VerbName, n>& table, const std::string& word,
                                 std::string_view what, std::string& problem, std::string& hint) {
  const auto* found = std::ranges::find(table, word, &VerbName::name);
  if (found != table.end()) return found->verb;
  std::vector<std::string> names;
  for (const VerbName& one : table) names.emplace_back(one.name);
  problem = in_quotes(word) + " is not " + std::string(what) + " that can be simulated";
  hint = did_you_mean(word, names);
  return std::nullopt;
}

bool read_options(const std::vector<std::string>& words, std::size_t first, AwsCommand& command,
                  std::string& problem, std::string& hint) {
  for (std::size_t i = first; i < words.size(); ++i) {
    const auto* text = std::ranges::find(text_options, words[i], &TextOption::name);
    if (text != text_options.end()) {
      if (i + 1 == words.size()) {
        problem = words[i] + " has no value";
        return false;
      }
      ++i;
      if (text->member != nullptr) command.*(text->member) = words[i];
      continue;
    }
    const auto* flag =
        std::ranges::find_if(flags, [&](const auto& f) { return f.first == words[i]; });
    if (flag != flags.end()) {
      if (flag->second != nullptr) command.*(flag->second) = true;
      continue;
    }
    std::vector<std::string> names;
    for (const TextOption& one : text_options) names.emplace_back(one.name);
    for (const auto& one : flags) names.emplace_back(one.first);
    problem = "the option " + in_quotes(words[i]) + " is not known";
    hint = did_you_mean(words[i], names);
    return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> shell_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      open = true;
    } else if (c == '\\' && i + 1 < text.size() && text[i + 1] == '\n') {
      ++i;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (open || !word.empty()) words.push_back(std::move(word));
      word.clear();
      open = false;
    } else {
      word += c;
    }
  }
  if (open || !word.empty()) words.push_back(std::move(word));
  return words;
}

std::optional<AwsCommand> parse_aws_command(std::string_view text, std::string& problem,
                                            std::string& hint) {
  const std::vector<std::string> words = shell_words(text);
  if (words.size() < 3 || words[0] != "aws" || words[1] != "rds") {
    problem = "only commands that begin with \"aws rds\" can be simulated";
    hint = R"(write anything else as {"takes": "30s", "what": "…"})";
    return std::nullopt;
  }
  AwsCommand command;
  std::size_t first = 3;
  if (words[2] == "wait") {
    const std::string waiter = words.size() > 3 ? words[3] : std::string();
    const auto verb = find_verb(waiters, waiter, "a waiter", problem, hint);
    if (!verb) return std::nullopt;
    command.verb = *verb;
    first = 4;
  } else if (words[2].starts_with("describe-")) {
    command.verb = AwsVerb::describe;
  } else {
    const auto verb = find_verb(verbs, words[2], "a command of aws rds", problem, hint);
    if (!verb) return std::nullopt;
    command.verb = *verb;
  }
  if (!read_options(words, first, command, problem, hint)) return std::nullopt;
  return command;
}

}  // namespace predrill::harness
