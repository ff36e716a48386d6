#include "harness/cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "harness/cli/explanations.hpp"
#include "harness/cli/options.hpp"

namespace predrill::harness {

TextStyle style_of_output() {
  TextStyle style;
  style.width = 140;  // in a pipe
  if (isatty(STDOUT_FILENO) == 0) return style;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    style.width = std::clamp<std::size_t>(size.ws_col, 60, 200);
  }
  style.colour = std::getenv("NO_COLOR") == nullptr;
  return style;
}

void print_section(const std::string& title, const std::string& body, const TextStyle& style) {
  if (body.empty()) return;
  std::fputs(("\n" + coloured(title, Colour::bold, style) + "\n" + body).c_str(), stdout);
}

namespace {

// "--set ttl=20" leaves out whose ttl: one line for each that is a setting of one owner.
std::string missing_owners(const Diagnostics& diagnostics) {
  std::string out;
  for (const Diagnostic& problem : diagnostics.sorted()) {
    const bool is_one_word = problem.path.find_first_of(".[") == std::string::npos;
    if (problem.severity != Severity::error || !problem.place.from_command_line() || !is_one_word)
      continue;
    const Explanation* setting = find_explanation(problem.path);
    if (setting == nullptr || setting->topic != Topic::setting) continue;
    const std::string name = std::string(setting->owner) + "." + std::string(setting->name);
    out += "did you mean --set " + name + "=…? (predrill list settings)\n";
  }
  return out;
}

}  // namespace

bool report(const Diagnostics& diagnostics) {
  const std::string text = diagnostics.text() + missing_owners(diagnostics);
  if (!text.empty()) std::fputs(text.c_str(), stderr);
  return !diagnostics.has_errors();
}

bool can_simulate(const SystemSpec& system) {
  if (system.kind != nullptr || system.dcs.kind != DcsSpec::Kind::etcd) return true;
  if (!system.dcs.members.empty()) return true;
  std::fprintf(stderr, "%s: error: dcs: etcd without members cannot be simulated\n",
               system.file.c_str());
  return false;
}

std::string shell_word(const std::string& word) {
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_./=:,+@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string reproduction(const std::string& command, const std::string& what,
                         const CommonOptions& options, std::size_t runs) {
  std::string text =
      "predrill " + command + " " + shell_word(what) + " --seed " + std::to_string(options.seed);
  if (runs > 0) text += " --runs " + std::to_string(runs);
  for (const std::string& setting : options.settings) text += " --set " + shell_word(setting);
  return text;
}

}  // namespace predrill::harness
