#include "models/journal.hpp"

namespace predrill::models {

std::string_view to_text(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      return "ok";
    case Outcome::sql_error:
      return "sql_error";
    case Outcome::refused:
      return "refused";
    case Outcome::reset:
      return "reset";
    case Outcome::closed:
      return "closed";
    case Outcome::timeout:
      return "timeout";
  }
  return "?";
}

std::uint16_t Journal::path(std::string_view name) {
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (paths[i] == name) return static_cast<std::uint16_t>(i);
  }
  paths.emplace_back(name);
  return static_cast<std::uint16_t>(paths.size() - 1);
}

}  // namespace predrill::models
