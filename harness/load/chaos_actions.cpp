#include "harness/load/chaos_actions.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "harness/runbook/aws_command.hpp"

namespace predrill::harness {

namespace {

using Words = std::vector<std::string>;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string file_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

// --name=VALUE or --name VALUE; nullopt if it is not there.
std::optional<std::string> option(const Words& words, std::string_view name) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == name && i + 1 < words.size()) return words[i + 1];
    if (words[i].starts_with(std::string(name) + "=")) return words[i].substr(name.size() + 1);
  }
  return std::nullopt;
}

bool has(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The first word from `first` on that is neither an option nor the value of one of `with_value`.
std::string operand(const Words& words, std::size_t first,
                    std::initializer_list<std::string_view> with_value) {
  for (std::size_t i = first; i < words.size(); ++i) {
    if (!words[i].starts_with('-')) return words[i];
    if (std::find(with_value.begin(), with_value.end(), words[i]) != with_value.end()) ++i;
  }
  return "";
}

// Labels that Patroni and its operators keep: role=master until 4.0, role=primary since;
// spilo-role on Zalando's.
void add_target(ChaosFault& fault, std::string_view selector) {
  if (contains(selector, "role=master") || contains(selector, "role=primary")) {
    fault.emplace_back("on", "primary");
  } else if (contains(selector, "role=replica")) {
    fault.emplace_back("on", "any_standby");
  }
}

ChaosFault pod_delete(const std::string& pod, const std::string& selector, std::string grace,
                      bool force) {
  ChaosFault fault = {{"inject", "pod_delete"}};
  if (!pod.empty()) {
    fault.emplace_back("on", pod);
  } else {
    add_target(fault, selector);
  }
  if (force) fault.emplace_back("force", "true");
  // -1, the default of terminate_pods and of kubectl: the pod's own.
  const bool period = !grace.empty() && grace.front() != '-' && !(force && grace == "0");
  if (period) fault.emplace_back("grace_period", grace + "s");
  return fault;
}

std::optional<ChaosFault> of_kubectl(const Words& words) {
  const std::initializer_list<std::string_view> valued = {
      "-n", "--namespace", "--context", "-l", "--selector", "--grace-period", "--timeout"};
  const std::string verb = operand(words, 1, valued);
  const auto at = std::find(words.begin(), words.end(), verb);
  const auto next = static_cast<std::size_t>(at - words.begin()) + 1;
  if (verb != "delete") return std::nullopt;
  std::string what = operand(words, next, valued);
  std::string pod;
  if (what == "pod" || what == "pods" || what == "po") {
    const auto kind = std::find(words.begin(), words.end(), what);
    pod = operand(words, static_cast<std::size_t>(kind - words.begin()) + 1, valued);
  } else if (what.starts_with("pod/")) {
    pod = what.substr(4);
  } else {
    return std::nullopt;
  }
  std::string selector = option(words, "-l").value_or("");
  if (selector.empty()) selector = option(words, "--selector").value_or("");
  std::string grace = option(words, "--grace-period").value_or("");
  if (has(words, "--now")) grace = "1";
  return pod_delete(pod, selector, grace, has(words, "--force"));
}

std::optional<ChaosFault> of_patronictl(const Words& words) {
  // A failover with a healthy leader is the same as a switchover (docs, patronictl).
  if (!has(words, "switchover") && !has(words, "failover")) return std::nullopt;
  ChaosFault fault = {{"inject", "switchover"}};
  if (const auto candidate = option(words, "--candidate"))
    fault.emplace_back("candidate", *candidate);
  return fault;
}

std::string fault_of_death(std::string_view process) {
  if (contains(process, "patroni")) return "patroni_kill";
  if (contains(process, "pgbouncer")) return "pgbouncer_kill";
  if (contains(process, "etcd")) return "dcs_leader_kill";
  if (contains(process, "postgres") || contains(process, "postmaster")) return "postmaster_kill";
  return "";
}

bool is_sigkill(const Words& words) {
  constexpr std::array<std::string_view, 3> names = {"9", "KILL", "SIGKILL"};
  for (const std::string_view name : names) {
    if (has(words, "-" + std::string(name))) return true;
    for (const char* key : {"-s", "--signal", "--kill-signal"}) {
      if (option(words, key) == name) return true;
    }
  }
  return false;
}

std::optional<ChaosFault> of_kill(const Words& words) {
  const std::string fault =
      is_sigkill(words) ? fault_of_death(operand(words, 1, {"-s", "--signal", "-u"})) : "";
  if (fault.empty()) return std::nullopt;
  return ChaosFault{{"inject", fault}};
}

std::optional<ChaosFault> of_systemctl(const Words& words) {
  const std::string verb = operand(words, 1, {"-s", "--signal"});
  const auto at = std::find(words.begin(), words.end(), verb);
  const std::string unit =
      operand(words, static_cast<std::size_t>(at - words.begin()) + 1, {"-s", "--signal"});
  if (verb == "stop" && contains(unit, "patroni")) return ChaosFault{{"inject", "patroni_stop"}};
  if (verb == "kill" && is_sigkill(words)) {
    const std::string fault = fault_of_death(unit);
    if (!fault.empty()) return ChaosFault{{"inject", fault}};
  }
  return std::nullopt;
}

// "10%" and "100ms" stay as they are; tc takes "10.5%" and "100msec", too.
std::optional<ChaosFault> of_tc(const Words& words) {
  if (!has(words, "netem") || (!has(words, "add") && !has(words, "replace"))) return std::nullopt;
  if (auto delay = option(words, "delay")) {
    if (const std::size_t unit = delay->find("msec"); unit != std::string::npos) {
      delay->replace(unit, std::string::npos, "ms");
    }
    return ChaosFault{{"inject", "latency"}, {"delay", *delay}};
  }
  auto loss = option(words, "loss");
  if (loss == "random") loss = option(words, "random");
  if (!loss) return std::nullopt;
  if (*loss == "100%") return ChaosFault{{"inject", "partition"}};
  return ChaosFault{{"inject", "packet_loss"}, {"loss", *loss}};
}

std::optional<ChaosFault> of_iptables(const Words& words) {
  const bool adds = has(words, "-A") || has(words, "-I") || has(words, "--append");
  // Some addresses or ports only: which sides are apart is for people to say.
  const bool narrow = has(words, "-s") || has(words, "-d") || has(words, "-p");
  if (!adds || narrow || option(words, "-j") != "DROP") return std::nullopt;
  return ChaosFault{{"inject", "partition"}};
}

// Takes off what only says where or as whom: sudo, ssh HOST, kubectl exec POD --, bash -c.
std::string unwrap(Words& words) {
  std::string where;
  for (int depth = 0; depth < 8 && !words.empty(); ++depth) {
    const std::string program = file_name(words.front());
    std::size_t rest = 0;
    if (program == "sudo") {
      rest = 1;
      while (rest < words.size() && words[rest].starts_with('-')) ++rest;
    } else if (program == "ssh") {
      const std::string host = operand(words, 1, {"-i", "-l", "-o", "-p", "-F"});
      const auto at = std::find(words.begin(), words.end(), host);
      where = host.substr(host.find('@') + 1);
      rest = static_cast<std::size_t>(at - words.begin()) + 1;
    } else if (program == "kubectl" && has(words, "exec") && has(words, "--")) {
      const auto verb = std::find(words.begin(), words.end(), "exec");
      where = operand(words, static_cast<std::size_t>(verb - words.begin()) + 1,
                      {"-n", "--namespace", "-c", "--container"});
      rest =
          static_cast<std::size_t>(std::find(words.begin(), words.end(), "--") - words.begin()) + 1;
    } else if ((program == "bash" || program == "sh") && words.size() > 2 && words[1] == "-c") {
      words = shell_words(words[2]);
      continue;
    } else {
      break;
    }
    words.erase(words.begin(),
                words.begin() + static_cast<std::ptrdiff_t>(std::min(rest, words.size())));
    if (words.size() == 1) words = shell_words(words.front());
  }
  return where.starts_with("pod/") ? where.substr(4) : where;
}

const Node* argument(const Node& provider, std::string_view name) {
  const Node* arguments = provider.find("arguments");
  return arguments == nullptr ? nullptr : arguments->find(name);
}

std::string text_of(const Node* node) {
  return node != nullptr && node->is_scalar() && node->kind != NodeKind::null ? node->text : "";
}

// The drivers chaostoolkit-kubernetes (chaosk8s) and chaostoolkit-aws (chaosaws).
std::optional<ChaosFault> of_python(const Node& provider) {
  const std::string module = text_of(provider.find("module"));
  const std::string function = text_of(provider.find("func"));
  if (module.starts_with("chaosk8s") &&
      (function == "terminate_pods" || function == "delete_pods")) {
    std::string pod = text_of(argument(provider, "name_pattern"));
    pod.erase(std::remove_if(pod.begin(), pod.end(), [](char c) { return c == '^' || c == '$'; }),
              pod.end());
    if (pod.find_first_of("*+?[(|\\.") != std::string::npos) pod.clear();  // names no one pod
    return pod_delete(pod, text_of(argument(provider, "label_selector")),
                      text_of(argument(provider, "grace_period")), false);
  }
  if (module == "chaosaws.ec2.actions" &&
      (function == "stop_instance" || function == "stop_instances")) {
    // force: no shutdown of the operating system (AWS, StopInstances).
    const bool force = text_of(argument(provider, "force")) == "true";
    return ChaosFault{{"inject", force ? "node_loss" : "patroni_stop"}};
  }
  return std::nullopt;
}

// Text for a shell, a list, or a map of options and their values (chaoslib/provider/process.py).
Words words_of_process(const Node& provider) {
  Words words = {text_of(provider.find("path"))};
  const Node* arguments = provider.find("arguments");
  if (arguments == nullptr) return words;
  if (arguments->is_scalar()) {
    for (std::string& word : shell_words(arguments->text)) words.push_back(std::move(word));
  }
  for (const Node& item : arguments->items) words.push_back(item.text);
  for (const Member& member : arguments->members) {
    words.push_back(member.key);
    if (!text_of(&member.value).empty()) words.push_back(member.value.text);
  }
  return words;
}

}  // namespace

std::optional<ChaosFault> fault_of_command(Words words) {
  const std::string where = unwrap(words);
  if (words.empty()) return std::nullopt;
  using Parse = std::optional<ChaosFault> (*)(const Words&);
  constexpr std::array<std::pair<std::string_view, Parse>, 7> programs = {
      {{"kubectl", of_kubectl},
       {"patronictl", of_patronictl},
       {"systemctl", of_systemctl},
       {"pkill", of_kill},
       {"killall", of_kill},
       {"tc", of_tc},
       {"iptables", of_iptables}}};
  const std::string program = file_name(words.front());
  std::optional<ChaosFault> fault;
  for (const auto& [name, parse] : programs) {
    if (name == program) fault = parse(words);
  }
  // Without an orderly shutdown: man systemctl, "--force" given twice.
  const bool at_once = std::count(words.begin(), words.end(), "-f") +
                           std::count(words.begin(), words.end(), "--force") >=
                       (program == "systemctl" ? 2 : 1);
  const bool reboots = program == "reboot" || (program == "systemctl" && has(words, "reboot"));
  if (reboots && at_once) fault = ChaosFault{{"inject", "node_reboot"}};
  const bool has_place = fault && std::any_of(fault->begin(), fault->end(),
                                              [](const auto& key) { return key.first == "on"; });
  const bool cluster_wide = fault && (fault->front().second == "switchover" ||
                                      fault->front().second.starts_with("dcs_") ||
                                      fault->front().second.starts_with("pgbouncer"));
  if (fault && !where.empty() && !has_place && !cluster_wide) fault->emplace_back("on", where);
  return fault;
}

std::optional<ChaosFault> fault_of_provider(const Node& provider) {
  const std::string type = text_of(provider.find("type"));
  if (type == "python") return of_python(provider);
  if (type == "process") return fault_of_command(words_of_process(provider));
  return std::nullopt;
}

}  // namespace predrill::harness
