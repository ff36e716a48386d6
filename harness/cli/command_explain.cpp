#include <cstdio>

#include "harness/cli/cli.hpp"
#include "harness/cli/explanations.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/input/diagnostics.hpp"

namespace predrill::harness {

namespace {

std::string alternatives(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += in_quotes(names[i]);
  }
  return text;
}

}  // namespace

int command_explain(const std::string& name) {
  const Explanation* entry = find_explanation(name);
  if (entry != nullptr) {
    std::fputs(text_of(*entry, style_of_output()).c_str(), stdout);
    return 0;
  }
  std::string message = "predrill explain: nothing is known about " + in_quotes(name);
  const auto similar = similar_explanations(name);
  if (!similar.empty()) message += "; did you mean " + alternatives(similar) + "?";
  message += "\nAll names: predrill list\n";
  std::fputs(message.c_str(), stderr);
  return exit_usage;
}

}  // namespace predrill::harness
