#include "harness/runbook/markdown_import.hpp"

#include <cctype>
#include <set>

#include "harness/runbook/aws_command.hpp"
#include "sim/trace_sinks.hpp"

namespace predrill::harness {

namespace {

std::string_view trimmed(std::string_view line) {
  while (!line.empty() && std::isspace(static_cast<unsigned char>(line.front())) != 0) {
    line.remove_prefix(1);
  }
  while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())) != 0) {
    line.remove_suffix(1);
  }
  return line;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

/// The text of "## Step 4 - Reboot"; empty if the line is no heading.
std::string_view heading_of(std::string_view line) {
  const std::size_t level = line.find_first_not_of('#');
  const bool is_heading = level != 0 && level != std::string_view::npos && line[level] == ' ';
  return is_heading ? trimmed(line.substr(level)) : std::string_view();
}

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

/// "Step 5b: Flush" or "5. Flush" as a step; false for any other heading.
bool read_heading(std::string_view heading, ImportedStep& step) {
  constexpr std::string_view word = "Step ";
  const bool named = heading.starts_with(word);
  std::string_view rest = named ? heading.substr(word.size()) : heading;
  std::size_t end = 0;
  while (end < rest.size() &&
         (is_digit(rest[end]) ||
          (end > 0 && rest[end] == '.' && end + 1 < rest.size() && is_digit(rest[end + 1])))) {
    ++end;
  }
  if (end == 0) return false;
  if (named && end < rest.size() && std::isalpha(static_cast<unsigned char>(rest[end])) != 0) ++end;
  if (!named && (end >= rest.size() || rest[end] != '.')) return false;
  step.name = rest.substr(0, end);
  rest.remove_prefix(end);
  const std::size_t title = rest.find_first_not_of(" .:)-\xe2\x80\x94\x93");
  step.title = title == std::string_view::npos ? "" : trimmed(rest.substr(title));
  return true;
}

void add_command(std::string& pending, ImportedStep* step) {
  const std::string_view text = trimmed(pending);
  if (step != nullptr && !text.empty() && text.front() != '#') step->commands.emplace_back(text);
  pending.clear();
}

std::string command_json(const std::string& command, const std::string& step,
                         std::vector<std::string>& unfilled) {
  std::string problem;
  std::string hint;
  if (parse_aws_command(command, problem, hint))
    return "{ \"run\": " + sim::json_quoted(command) + " }";
  unfilled.push_back("step " + step + ": " + command);
  return R"({ "takes": "0s", "what": )" + sim::json_quoted(command) + " }";
}

}  // namespace

std::vector<ImportedStep> read_markdown_steps(std::string_view text) {
  std::vector<ImportedStep> steps;
  bool fenced = false;
  std::string pending;
  for (const std::string_view raw : lines_of(text)) {
    const std::string_view line = trimmed(raw);
    if (line.starts_with("```") || line.starts_with("~~~")) {
      add_command(pending, steps.empty() ? nullptr : &steps.back());
      fenced = !fenced;
      continue;
    }
    if (!fenced) {
      ImportedStep step;
      if (read_heading(heading_of(line), step)) steps.push_back(std::move(step));
      continue;
    }
    if (line.ends_with('\\')) {
      pending += trimmed(line.substr(0, line.size() - 1));
      pending += ' ';
      continue;
    }
    pending += line;
    add_command(pending, steps.empty() ? nullptr : &steps.back());
  }
  std::set<std::string> names;  // a number given twice gets a letter
  for (ImportedStep& step : steps) {
    const std::string name = step.name;
    for (char letter = 'b'; !names.insert(step.name).second && letter <= 'z'; ++letter) {
      step.name = name + letter;
    }
  }
  return steps;
}

ImportedRunbook import_markdown_runbook(std::string_view text, const std::string& title) {
  std::string name = title;
  for (const std::string_view line : lines_of(text)) {
    const std::string_view heading = heading_of(trimmed(line));
    if (heading.empty()) continue;
    name = heading;
    break;
  }
  ImportedRunbook out;
  std::string& json = out.json;
  json =
      "// Imported from a runbook. Fill in the cluster, the times of what is not simulated, and\n"
      "// put the real identifiers in place of shell variables.\n{\n";
  json += "  \"name\": " + sim::json_quoted(name) + ",\n";
  json +=
      "  \"aurora\": {\n    \"cluster\": \"CLUSTER\",\n    \"instances\": [\n"
      "      { \"name\": \"WRITER\", \"class\": \"db.r6g.large\" },\n"
      "      { \"name\": \"READER\", \"class\": \"db.r6g.large\" }\n    ]\n  },\n";
  json += "  \"runbook\": {\n    \"human\": \"30s\",\n    \"steps\": [\n";
  const std::vector<ImportedStep> steps = read_markdown_steps(text);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const ImportedStep& step = steps[i];
    json += "      { \"step\": " + sim::json_quoted(step.name) +
            ", \"title\": " + sim::json_quoted(step.title) + ",\n        \"do\": [\n";
    for (std::size_t j = 0; j < step.commands.size(); ++j) {
      json += "          " + command_json(step.commands[j], step.name, out.unfilled);
      json += j + 1 < step.commands.size() ? ",\n" : "\n";
    }
    json += i + 1 < steps.size() ? "        ] },\n" : "        ] }\n";
  }
  json += "    ]\n  }\n}\n";
  return out;
}

}  // namespace predrill::harness
