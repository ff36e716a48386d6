#include "sim/trace_sinks.hpp"

#include <algorithm>
#include <iterator>
#include <ostream>

namespace predrill::sim {

namespace {

std::string number(std::int64_t value) {
  return std::to_string(value);
}

constexpr Duration record_length = std::chrono::milliseconds(10);

// Nanoseconds as microseconds, the unit of the format: "12.345".
std::string microseconds(Duration time) {
  const std::int64_t ns = time.count();
  std::string fraction = std::to_string(ns % 1000);
  fraction.insert(0, 3 - fraction.size(), '0');
  return std::to_string(ns / 1000) + "." + fraction;
}

// The numbers of names differ from run to run if names are first used in another order.
std::string values_of(const Trace& trace, const Record& record) {
  std::string out = "[";
  for (std::size_t i = 0; i < record.values.size(); ++i) {
    if (i > 0) out += ',';
    const std::int64_t value = record.values[i];
    out += record.kind->is_name(i)
               ? json_quoted(trace.entity_name(EntityId{static_cast<std::uint32_t>(value)}))
               : number(value);
  }
  return out + "]";
}

}  // namespace

std::string json_quoted(std::string_view text) {
  constexpr const char* digits = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20) {
      out += "\\u00";
      out += digits[byte >> 4];
      out += digits[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

void RecordCollector::on_record(const Trace& /*trace*/, const Record& record) {
  records_.push_back(record);
}

std::vector<Record> RecordCollector::of(const Kind& kind) const {
  std::vector<Record> out;
  std::copy_if(records_.begin(), records_.end(), std::back_inserter(out),
               [&kind](const Record& record) { return record.kind == &kind; });
  return out;
}

void TextTimeline::on_record(const Trace& trace, const Record& record) {
  out_ << trace.line(record) << '\n';
}

void JsonLines::on_record(const Trace& trace, const Record& record) {
  out_ << R"({"id":)" << record.id << R"(,"cause":)" << record.cause << R"(,"t_ns":)"
       << number(record.at.time_since_epoch().count()) << R"(,"entity":)"
       << json_quoted(trace.entity_name(record.entity)) << R"(,"kind":)"
       << json_quoted(record.kind->name) << R"(,"values":)" << values_of(trace, record)
       << R"(,"text":)" << json_quoted(trace.describe(record)) << "}\n";
}

PerfettoTrace::PerfettoTrace(std::ostream& out) : out_(out) {
  out_ << R"({"displayTimeUnit":"ms","traceEvents":[)";
}

PerfettoTrace::~PerfettoTrace() {
  // Not by entity: their numbers say which name was used first.
  std::sort(tracks_.begin(), tracks_.end(),
            [](const Track& a, const Track& b) { return a.number < b.number; });
  for (Track& track : tracks_) finish_waiting(track, record_length);
  for (const std::string& arrow : arrows_) write(arrow);
  out_ << "\n]}\n";
}

void PerfettoTrace::declare_slice(const Kind& begin, const Kind& end, std::string_view label) {
  slices_.push_back({&begin, &end, std::string(label)});
}

void PerfettoTrace::write(const std::string& object) {
  out_ << (first_ ? "\n" : ",\n") << object;
  first_ = false;
}

// The beginning of an object, left open: name, phase, time, process and thread.
std::string PerfettoTrace::head(std::string_view name, std::string_view phase,
                                const Place& place) const {
  const Track& track = tracks_[static_cast<std::uint32_t>(place.entity)];
  return R"({"name":)" + json_quoted(name) + R"(,"ph":)" + json_quoted(phase) + R"(,"ts":)" +
         microseconds(place.at.time_since_epoch()) + R"(,"pid":)" + number(track.component) +
         R"(,"tid":)" + number(track.number);
}

PerfettoTrace::Track& PerfettoTrace::track_of(const Trace& trace, EntityId entity) {
  const auto index = static_cast<std::uint32_t>(entity);
  if (index >= tracks_.size()) tracks_.resize(index + 1);
  Track& track = tracks_[index];
  if (track.component != 0) return track;
  const std::string& name = trace.entity_name(entity);
  const std::string component = name.substr(0, name.find('/'));
  const auto [place, made] =
      components_.emplace(component, static_cast<std::uint32_t>(components_.size() + 1));
  track.component = place->second;
  track.number = ++tracks_in_use_;
  const auto announce = [&](const char* what, const std::string& as) {
    write(head(what, "M", {Time{}, entity}) + R"(,"args":{"name":)" + json_quoted(as) + "}}");
  };
  if (made) announce("process_name", component);
  announce("thread_name", component == name ? name : name.substr(component.size() + 1));
  return track;
}

void PerfettoTrace::begin_and_end(const Record& record, Track& track) {
  for (std::size_t i = 0; i < slices_.size(); ++i) {
    const Slice& slice = slices_[i];
    const auto open = std::find(track.open.begin(), track.open.end(), i);
    // Asynchronous slices: they may overlap without lying inside each other.
    const std::string id = R"(,"cat":"slice","id":)" + number(track.number) + "}";
    if (open != track.open.end() && record.kind == slice.end) {
      track.open.erase(open);
      write(head(slice.label, "e", {record.at, record.entity}) + id);
    } else if (open == track.open.end() && record.kind == slice.begin) {
      track.open.push_back(i);
      write(head(slice.label, "b", {record.at, record.entity}) + id);
    }
  }
}

// Records of one instant lie inside each other: equal slices have no order that readers agree on.
void PerfettoTrace::finish_waiting(Track& track, Duration length) {
  length = std::min(length, record_length);
  for (const std::string& slice : track.waiting) {
    write(slice + R"(,"dur":)" + microseconds(length) + "}");
    length = std::max(length - Duration(1), Duration(1));
  }
  track.waiting.clear();
}

void PerfettoTrace::on_record(const Trace& trace, const Record& record) {
  Track& track = track_of(trace, record.entity);
  // Readers add up times of floating point: a slice that ends where the next begins may seem to end
  // behind that beginning.
  const Duration gap = record.at - track.since;
  if (gap > Duration(0)) finish_waiting(track, std::max(gap - Duration(1), Duration(1)));
  track.since = record.at;
  begin_and_end(record, track);
  if (places_.empty()) first_id_ = record.id;
  places_.push_back({record.at, record.entity});
  track.waiting.push_back(head(record.kind->name, "X", places_.back()) + R"(,"args":{"text":)" +
                          json_quoted(trace.describe(record)) + R"(,"values":)" +
                          values_of(trace, record) + "}");
  if (record.cause < first_id_ || record.cause == 0) return;
  const Place& from = places_[record.cause - first_id_];
  if (from.entity == record.entity) return;
  const std::string id = R"(,"cat":"cause","id":)" + number(record.id);
  arrows_.push_back(head("cause", "s", from) + id + "}");
  arrows_.push_back(head("cause", "f", places_.back()) + id + R"(,"bp":"e"})");
}

}  // namespace predrill::sim
