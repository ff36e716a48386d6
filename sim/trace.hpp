// What happened, for people and for the fingerprint. Every state change that a person would want on
// a timeline is one Record: when, whose, what, up to four values, and which earlier record caused
// it. Sinks turn records into text, JSON lines or a Perfetto trace; formatting costs nothing unless
// a sink is attached.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/time.hpp"

namespace predrill::sim {

/// A kind of record; one static constexpr object each. `text` is the sentence shown on a timeline,
/// with {0}..{3} for the values: {0} integer, {0:d} duration in ns, {0:e} entity, {0:n} interned
/// name, {0:x} hexadecimal, {0:lsn} WAL position, {0:b} bytes.
struct Kind {
  std::string_view name;
  std::string_view text;
  std::uint64_t hash;
  unsigned names;  // bit i: value i is the number of a name or an entity
  constexpr Kind(std::string_view kind_name, std::string_view kind_text)
      : name(kind_name), text(kind_text), hash(hash_of(kind_name)), names(names_in(kind_text)) {}
  constexpr bool is_name(std::size_t value) const { return (names >> value & 1) != 0; }

 private:
  static constexpr unsigned names_in(std::string_view s) {
    unsigned mask = 0;
    for (std::size_t i = 0; i + 4 < s.size(); ++i) {
      const bool interned = s[i + 2] == ':' && (s[i + 3] == 'e' || s[i + 3] == 'n');
      if (s[i] == '{' && interned && s[i + 4] == '}') mask |= 1U << ((s[i + 1] - '0') & 3);
    }
    return mask;
  }
  static constexpr std::uint64_t hash_of(std::string_view s) {
    std::uint64_t h = 0xcbf29ce484222325ULL;  // FNV-1a
    for (char c : s) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return h;
  }
};

enum class EntityId : std::uint32_t {};

struct Record {
  Time at;
  std::uint32_t id;     // 1, 2, 3 … in order of emission
  std::uint32_t cause;  // id of the record that led to this one, 0 if none
  EntityId entity;
  const Kind* kind;
  std::array<std::int64_t, 4> values;
};

class Trace;

class TraceSink {
 public:
  virtual ~TraceSink() = default;
  virtual void on_record(const Trace& trace, const Record& record) = 0;
};

class Trace {
 public:
  /// The entity's number; the same name gives the same number.
  EntityId entity(std::string_view name);
  const std::string& entity_name(EntityId id) const {
    return names_[static_cast<std::uint32_t>(id)];
  }
  /// A text as a value of a record ({n:n} in the kind's text); for few, recurring texts.
  std::int64_t name(std::string_view text) { return static_cast<std::int64_t>(entity(text)); }

  /// Adds a record; returns its id. What the running event does next counts as caused by it.
  std::uint32_t emit(Time now, EntityId entity, const Kind& kind, std::int64_t a = 0,
                     std::int64_t b = 0, std::int64_t c = 0, std::int64_t d = 0);

  /// The record that the running event descends from.
  std::uint32_t cause() const { return cause_; }
  void set_cause(std::uint32_t id) { cause_ = id; }

  void attach(TraceSink& sink) { sinks_.push_back(&sink); }
  void detach(TraceSink& sink);
  std::uint64_t digest() const { return digest_; }
  std::uint32_t records() const { return count_; }

  /// The record as a sentence.
  std::string describe(const Record& record) const;
  /// "+00:01:12.345678901 pg-0 became leader": a line of a timeline.
  std::string line(const Record& record) const;

  /// The last records, at most 40, oldest first: what an internal error prints.
  std::vector<Record> latest() const;

 private:
  std::uint64_t digest_ = 0x2545f4914f6cdd1dULL;
  std::uint32_t count_ = 0;
  std::uint32_t cause_ = 0;
  std::vector<std::string> names_;
  std::vector<std::uint64_t> name_hashes_;
  std::vector<std::uint32_t> by_name_;  // indices sorted by name
  std::vector<TraceSink*> sinks_;
  static constexpr std::size_t latest_max = 40;
  std::vector<Record> latest_;  // a ring: record `id` stands at (id - 1) % latest_max
};

}  // namespace predrill::sim
