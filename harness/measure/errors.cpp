#include "harness/measure/errors.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace predrill::harness {

using models::Attempt;
using models::Outcome;

namespace {

using Key = std::tuple<bool, std::uint64_t>;  // of a piece of work: write, tag

Key key(const Attempt& attempt) {
  return {attempt.write, attempt.tag};
}

std::string_view text_of(const Attempt& attempt) {
  return attempt.outcome == Outcome::sql_error ? models::code(attempt.state)
                                               : models::to_text(attempt.outcome);
}

}  // namespace

std::vector<ErrorCount> count_errors(const models::Journal& journal, std::uint16_t path,
                                     sim::Duration from) {
  std::map<Key, std::uint8_t> last;  // number of the last attempt at a piece of work
  for (const Attempt& attempt : journal.attempts) {
    if (attempt.path != path || attempt.tag == 0 || attempt.number < 2) continue;
    std::uint8_t& number = last[key(attempt)];
    number = std::max(number, attempt.number);
  }
  std::map<std::string_view, ErrorCount> counts;
  for (const Attempt& attempt : journal.attempts) {
    if (attempt.path != path || attempt.outcome == Outcome::ok) continue;
    if (sim::Duration(attempt.finished) < from) continue;
    ErrorCount& count = counts[text_of(attempt)];
    ++count.attempts;
    const auto found = attempt.tag == 0 ? last.end() : last.find(key(attempt));
    if (found == last.end() || found->second <= attempt.number) ++count.given_up;
  }
  std::vector<ErrorCount> sorted;
  for (auto& [text, count] : counts) {
    count.text = text;
    sorted.push_back(std::move(count));
  }
  return sorted;
}

}  // namespace predrill::harness
