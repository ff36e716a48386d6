// Test cases as JUnit XML, in the subset that all readers have in common (there is no standard;
// Jenkins' junit-10.xsd is the narrowest in use).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sim/time.hpp"

namespace predrill::harness {

struct JunitCase {
  enum class Outcome : std::uint8_t { passed, failed, skipped };
  std::string name;
  std::string class_name;
  Outcome outcome = Outcome::passed;
  std::string message;  // of a failure, or why it was skipped; one line
  std::string details;  // more lines
  std::string output;   // system-out
};

struct JunitSuite {
  std::string name;
  std::vector<std::pair<std::string, std::string>> properties;
  std::vector<JunitCase> cases;
};

/// `text` with what XML reserves escaped and what XML 1.0 cannot hold replaced by '?'.
std::string xml_escaped(std::string_view text);

/// Times are not given: the same runs give the same bytes.
std::string junit_text(const JunitSuite& suite);

}  // namespace predrill::harness
