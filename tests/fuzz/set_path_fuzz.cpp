#include <array>

#include "harness/input/overrides.hpp"
#include "tests/fuzz/walk.hpp"

// Every line is one setting, applied to a scenario and to a file that it names.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace predrill;
  using namespace predrill::harness;
  Diagnostics diagnostics;
  auto scenario =
      parse_document(R"({"name": "x", "faults": [{"at": "5s", "on": ["a", "b"]}], "system": "y"})",
                     "x.json", Format::json, diagnostics);
  auto patroni = parse_document("ttl: 30\ntags: {nofailover: true}\n", "patroni.yml", Format::yaml,
                                diagnostics);
  fuzz::require(scenario && patroni && diagnostics.empty());
  std::vector<std::string> settings(1);
  for (const char c : fuzz::as_text(data, size)) {
    if (c == '\n') {
      settings.emplace_back();
    } else {
      settings.back() += c;
    }
  }
  const std::array targets = {OverrideTarget{"", &scenario->root()},
                              OverrideTarget{"patroni", &patroni->root()}};
  const bool all = apply_overrides(targets, settings, diagnostics);
  fuzz::require(all != diagnostics.has_errors());
  fuzz::require(diagnostics.text().size() < 1'000'000);
  for (const std::string& setting : settings) {
    std::string problem;
    const auto path = parse_path(setting, problem);
    fuzz::require(path.has_value() == problem.empty());
  }
  return 0;
}
