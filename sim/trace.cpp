#include "sim/trace.hpp"

#include <algorithm>

#include "sim/random.hpp"

namespace predrill::sim {

namespace {

constexpr std::uint64_t fold(std::uint64_t digest, std::uint64_t value) {
  digest = (digest ^ value) * 0x9fb21c651e98df25ULL;
  return digest ^ digest >> 32;
}

// "+00:01:12.345678901": hours, minutes, seconds since the start of the run.
std::string timeline_text(Time at) {
  const std::int64_t ns = at.time_since_epoch().count();
  const std::int64_t s = ns / 1'000'000'000;
  const auto digits = [](std::int64_t value, std::size_t width) {
    std::string text = std::to_string(value);
    if (text.size() < width) text.insert(0, width - text.size(), '0');
    return text;
  };
  return "+" + digits(s / 3600, 2) + ":" + digits(s / 60 % 60, 2) + ":" + digits(s % 60, 2) + "." +
         digits(ns % 1'000'000'000, 9);
}

std::string hexadecimal(std::uint64_t value) {
  constexpr const char* digits = "0123456789ABCDEF";
  std::string out;
  do {
    out.insert(out.begin(), digits[value & 15]);
    value >>= 4;
  } while (value != 0);
  return out;
}

}  // namespace

EntityId Trace::entity(std::string_view name) {
  auto place =
      std::lower_bound(by_name_.begin(), by_name_.end(), name,
                       [this](std::uint32_t i, std::string_view n) { return names_[i] < n; });
  if (place != by_name_.end() && names_[*place] == name) return EntityId{*place};
  const auto id = static_cast<std::uint32_t>(names_.size());
  names_.emplace_back(name);
  name_hashes_.push_back(stable_hash(name));
  by_name_.insert(place, id);
  return EntityId{id};
}

std::uint32_t Trace::emit(Time now, EntityId entity, const Kind& kind, std::int64_t a,
                          std::int64_t b, std::int64_t c, std::int64_t d) {
  const std::uint32_t id = ++count_;
  digest_ = fold(digest_, static_cast<std::uint64_t>(now.time_since_epoch().count()));
  digest_ = fold(digest_, name_hashes_[static_cast<std::uint32_t>(entity)] ^ kind.hash);
  digest_ = fold(digest_, static_cast<std::uint64_t>(cause_));
  const Record record{now, id, cause_, entity, &kind, {a, b, c, d}};
  for (std::size_t i = 0; i < record.values.size(); ++i) {
    // The number of a name depends on when it was first used: a digest of the name does not.
    const auto value = static_cast<std::uint64_t>(record.values[i]);
    const bool named = kind.is_name(i) && value < name_hashes_.size();
    digest_ = fold(digest_, named ? name_hashes_[value] : value);
  }
  if (latest_.size() < latest_max) {
    latest_.push_back(record);
  } else {
    latest_[(id - 1) % latest_max] = record;
  }
  for (TraceSink* sink : sinks_) sink->on_record(*this, record);
  cause_ = id;
  return id;
}

void Trace::detach(TraceSink& sink) {
  sinks_.erase(std::remove(sinks_.begin(), sinks_.end(), &sink), sinks_.end());
}

std::vector<Record> Trace::latest() const {
  std::vector<Record> out = latest_;
  const auto oldest = static_cast<std::ptrdiff_t>(count_ % latest_max);
  if (out.size() == latest_max) std::rotate(out.begin(), out.begin() + oldest, out.end());
  return out;
}

std::string Trace::line(const Record& record) const {
  std::string sentence = describe(record);
  if (sentence.empty()) sentence = record.kind->name;
  return timeline_text(record.at) + " " + entity_name(record.entity) + " " + sentence;
}

std::string Trace::describe(const Record& record) const {
  const std::string_view text = record.kind->text;
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t end = text[i] == '{' ? text.find('}', i) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out += text[i];
      continue;
    }
    const std::int64_t value = record.values[static_cast<std::size_t>(text[i + 1] - '0') & 3];
    const std::string_view how = text.substr(i + 2, end - i - 2);
    if (how == ":d") {
      out += to_text(Duration(value));
    } else if (how == ":e" || how == ":n") {
      out += names_[static_cast<std::size_t>(value)];
    } else if (how == ":x") {
      out += "0x" + hexadecimal(static_cast<std::uint64_t>(value));
    } else if (how == ":lsn") {
      const auto lsn = static_cast<std::uint64_t>(value);
      out += hexadecimal(lsn >> 32) + "/" + hexadecimal(lsn & 0xffffffffULL);
    } else {
      out += std::to_string(value);
    }
    i = end;
  }
  return out;
}

}  // namespace predrill::sim
