// What becomes of trace records: kept in memory, lines of a timeline, JSON lines, or a trace that
// ui.perfetto.dev opens. A sink is attached with Trace::attach, must outlive the run or be
// detached, and does not influence it. Streams are not flushed and not checked: that is their
// owner's part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/trace.hpp"

namespace predrill::sim {

/// Keeps every record.
class RecordCollector : public TraceSink {
 public:
  void on_record(const Trace& trace, const Record& record) override;
  const std::vector<Record>& records() const { return records_; }
  /// Those of one kind.
  std::vector<Record> of(const Kind& kind) const;

 private:
  std::vector<Record> records_;
};

/// "+00:01:12.345678901 pg-0 became leader", a line per record.
class TextTimeline : public TraceSink {
 public:
  explicit TextTimeline(std::ostream& out) : out_(out) {}
  void on_record(const Trace& trace, const Record& record) override;

 private:
  std::ostream& out_;
};

/// An object per line: id, cause (id of the record that led to this one, 0 if none), t_ns, entity,
/// kind, values (four integers; names as text), text.
class JsonLines : public TraceSink {
 public:
  explicit JsonLines(std::ostream& out) : out_(out) {}
  void on_record(const Trace& trace, const Record& record) override;

 private:
  std::ostream& out_;
};

/// The JSON trace format of Chrome, which Perfetto reads: an entity is a track ("pg-0/patroni" is
/// the track patroni of the component pg-0), a record is a slice of 10 ms on it, or up to the next
/// record of the track; an arrow leads to it from its cause on another track. Perfetto takes arrows
/// between slices alone: at an instant they are import errors (its flow_tracker.cc). Two kinds can
/// be declared to begin and to end a longer slice.
class PerfettoTrace : public TraceSink {
 public:
  explicit PerfettoTrace(std::ostream& out);
  /// Ends the document.
  ~PerfettoTrace() override;
  PerfettoTrace(const PerfettoTrace&) = delete;
  PerfettoTrace& operator=(const PerfettoTrace&) = delete;

  /// From a record of kind `begin` to the next one of kind `end` of the same entity the track shows
  /// a slice `label`; without an end it lasts to the end of the trace. Call before the run.
  void declare_slice(const Kind& begin, const Kind& end, std::string_view label);
  void on_record(const Trace& trace, const Record& record) override;

 private:
  struct Slice {
    const Kind* begin;
    const Kind* end;
    std::string label;
  };
  struct Track {
    std::uint32_t number = 0;       // from 1, in order of their first records
    std::uint32_t component = 0;    // from 1; 0: not yet announced
    std::vector<std::size_t> open;  // slices under way
    Time since{};                   // of the records whose length is not known yet
    std::vector<std::string> waiting;
  };
  struct Place {
    Time at;
    EntityId entity;
  };
  Track& track_of(const Trace& trace, EntityId entity);
  void begin_and_end(const Record& record, Track& track);
  void finish_waiting(Track& track, Duration length);
  std::string head(std::string_view name, std::string_view phase, const Place& place) const;
  void write(const std::string& object);

  std::ostream& out_;
  bool first_ = true;
  std::vector<Slice> slices_;
  std::map<std::string, std::uint32_t> components_;  // name -> number
  std::vector<Track> tracks_;                        // by entity
  std::vector<Place> places_;                        // by record, from the first one seen
  std::uint32_t first_id_ = 0;
  std::uint32_t tracks_in_use_ = 0;
  std::vector<std::string> arrows_;  // a reader wants them after their slices
};

/// `text` as a JSON string, with its quotation marks.
std::string json_quoted(std::string_view text);

}  // namespace predrill::sim
