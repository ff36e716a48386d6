#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "harness/aurora/aws_import.hpp"
#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/kinds/gateway_import.hpp"
#include "harness/load/chaos_experiment.hpp"
#include "harness/runbook/markdown_import.hpp"

namespace predrill::harness {

namespace {

constexpr std::size_t markdown_bytes_max = 16 * 1024 * 1024;

int import_markdown(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file || text.size() > markdown_bytes_max) {
    std::fprintf(stderr, "predrill: cannot read %s\n", path.string().c_str());
    return exit_usage;
  }
  const ImportedRunbook runbook = import_markdown_runbook(text, path.stem().string());
  std::fputs(runbook.json.c_str(), stdout);
  for (const std::string& line : runbook.unfilled) {
    std::fprintf(stderr, "predrill: how long it takes has to be filled in: %s\n", line.c_str());
  }
  if (runbook.json.find("\"step\"") == std::string::npos) {
    std::fprintf(stderr,
                 "predrill: %s has no step: a heading \"Step 1 …\" or \"1. …\" with a fenced "
                 "block of commands below it\n",
                 path.string().c_str());
    return exit_usage;
  }
  return exit_met;
}

int import_service(const std::vector<std::string>& files) {
  Diagnostics diagnostics;
  const ImportedGateway imported = import_gateway(files, diagnostics);
  if (!report(diagnostics)) return exit_usage;
  std::fputs(imported.json.c_str(), stdout);
  for (const std::string& line : imported.unfilled) {
    std::fprintf(stderr, "predrill: has to be filled in: %s\n", line.c_str());
  }
  return exit_met;
}

// The scenario that an experiment of Chaos Toolkit describes, and what has to be filled in.
int import_experiment(const Document& experiment, Diagnostics& diagnostics) {
  const auto scenario = scenario_of_experiment(experiment, ChaosUse::skeleton, diagnostics);
  if (!report(diagnostics) || !scenario) return exit_usage;
  std::fputs((json_of(scenario->root(), 2) + "\n").c_str(), stdout);
  return exit_met;
}

}  // namespace

int command_import(const std::vector<std::string>& files) {
  const std::filesystem::path first(files.front());
  if (first.extension() == ".md" || first.extension() == ".markdown") {
    if (files.size() == 1) return import_markdown(first);
    std::fprintf(stderr, "predrill: one runbook at a time\n");
    return exit_usage;
  }
  if (is_gateway_file(files.front())) return import_service(files);
  Diagnostics diagnostics;
  AwsImport import;
  for (const std::string& file : files) {
    const auto format = format_of(first) == Format::yaml ? Format::yaml : Format::json;
    const auto document = load_document(file, diagnostics, format);
    if (document && files.size() == 1 && is_chaos_experiment(*document)) {
      return import_experiment(*document, diagnostics);
    }
    if (document) import_aws(*document, import, diagnostics);
  }
  if (!report(diagnostics)) return exit_usage;
  std::fputs(aws_json(import).c_str(), stdout);
  for (const std::string& line : unfilled_of(import)) {
    std::fprintf(stderr, "predrill: to be filled in: %s\n", line.c_str());
  }
  return exit_met;
}

}  // namespace predrill::harness
