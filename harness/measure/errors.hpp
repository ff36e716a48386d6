// What failed, by SQLSTATE or outcome, before and after the client's own retries.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/journal.hpp"
#include "sim/time.hpp"

namespace predrill::harness {

struct ErrorCount {
  std::string text;            // "57P01", "timeout", "refused"
  std::uint64_t attempts = 0;  // failed with it
  std::uint64_t given_up = 0;  // of these, not tried again: what the application sees

  friend bool operator==(const ErrorCount&, const ErrorCount&) = default;
};

/// Failed attempts of the path that finished at or after `from`, by text, ascending. An attempt was
/// tried again if the journal holds a later one (greater `number`) with its tag; without a tag
/// nothing can be told, and the attempt counts as given up.
std::vector<ErrorCount> count_errors(const models::Journal& journal, std::uint16_t path,
                                     sim::Duration from);

}  // namespace predrill::harness
