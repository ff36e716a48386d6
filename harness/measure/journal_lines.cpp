#include "harness/measure/journal_lines.hpp"

#include <nlohmann/json.hpp>

#include "models/sql.hpp"

namespace predrill::harness {

namespace {

using Json = nlohmann::ordered_json;

std::string line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string journal_lines(const models::Journal& journal, std::span<const std::string> members) {
  Json head;
  head["format"] = "predrill.journal/1";
  head["paths"] = journal.paths;
  head["observed_until_ns"] = journal.observed_until;
  std::string text = line(head);
  for (const models::Attempt& attempt : journal.attempts) {
    Json one;
    one["path"] = journal.paths[attempt.path];
    one["write"] = attempt.write;
    one["sent_ns"] = attempt.sent;
    one["finished_ns"] = attempt.finished;
    one["outcome"] = models::to_text(attempt.outcome);
    one["sqlstate"] = models::code(attempt.state);
    if (attempt.tag != 0) one["tag"] = attempt.tag;
    if (attempt.server < members.size()) one["server"] = members[attempt.server];
    if (attempt.in_flight) one["in_flight"] = true;
    if (!attempt.write && attempt.outcome == models::Outcome::ok) {
      one["data_as_of_ns"] = attempt.data_as_of;
    }
    if (attempt.number != 1) one["number"] = attempt.number;
    text += line(one);
  }
  return text;
}

}  // namespace predrill::harness
