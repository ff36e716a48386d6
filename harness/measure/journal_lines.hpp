// The journal of the probers as text: JSON lines, one per attempt. The same for a simulated and a
// measured drill.
#pragma once

#include <span>
#include <string>

#include "models/journal.hpp"

namespace predrill::harness {

/// First a line about the journal as a whole (format "predrill.journal/1", observed_until_ns), then
/// a line per attempt in the order in which they finished. Times are nanoseconds since the start of
/// the observation. `members`: names by number.
std::string journal_lines(const models::Journal& journal, std::span<const std::string> members);

}  // namespace predrill::harness
