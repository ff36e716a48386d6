// A runbook written for people becomes the skeleton of one that can be run: headings "Step 4 - …"
// with fenced blocks of commands. What cannot be simulated becomes a command that takes a time to
// be filled in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace predrill::harness {

struct ImportedStep {
  std::string name;
  std::string title;
  std::vector<std::string> commands;  // one shell command each, continuations joined
};

/// Headings of any level that begin with "Step", or with a number and a dot; fenced blocks below
/// them. A "#" comment and an empty line are left out.
std::vector<ImportedStep> read_markdown_steps(std::string_view text);

struct ImportedRunbook {
  std::string json;                   // a runbook scenario, to be completed
  std::vector<std::string> unfilled;  // "step 2: ./amm.sh …": a time has to be given
};

/// The whole file; `title` is its first heading unless it has none.
ImportedRunbook import_markdown_runbook(std::string_view text, const std::string& title);

}  // namespace predrill::harness
