// Typed access to a document that collects every problem instead of stopping at the first.
//
//   Reader fault(value);                                    // of our own format
//   assign(plan.at, fault.required("at").duration());
//   assign(plan.kind, fault.required("inject").choice("a fault", fault_names));
//   for (const Value& target : fault.optional("on").items()) ...
//   // at the end of the Reader's life every key that was not asked for is reported
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/input/document.hpp"
#include "sim/time.hpp"

namespace predrill::harness {

/// An exact fraction in lowest terms; the denominator is never zero.
struct Ratio {
  std::uint64_t numerator = 0;
  std::uint64_t denominator = 1;
  friend bool operator==(const Ratio&, const Ratio&) = default;
};

/// Writes what was read, if it was there and right.
template <class To, class From>
bool assign(To& to, const std::optional<From>& from) {
  if (from) to = static_cast<To>(*from);
  return from.has_value();
}

/// A value of a document, or the place where one is missing. Every accessor returns nullopt for a
/// missing value without a word (required() has reported it) and for a wrong one with an error.
class Value {
 public:
  Value(const Node* node, std::string path, Place place, Diagnostics& diagnostics)
      : node_(node), path_(std::move(path)), place_(std::move(place)), diagnostics_(&diagnostics) {}

  bool exists() const { return node_ != nullptr; }
  const Node* node() const { return node_; }
  const std::string& path() const { return path_; }
  /// Of the value, or of the map that lacks it.
  const Place& place() const { return place_; }
  Diagnostics& diagnostics() const { return *diagnostics_; }

  void error(std::string message, std::string hint = "") const;
  void warning(std::string message, std::string hint = "") const;

  std::optional<std::string> text() const;
  /// true and false; in YAML also yes, no, on, off; in INI also 1 and 0.
  std::optional<bool> boolean() const;
  std::optional<std::int64_t> integer(
      std::int64_t min = std::numeric_limits<std::int64_t>::min(),
      std::int64_t max = std::numeric_limits<std::int64_t>::max()) const;
  /// A finite number. Integers, durations and ratios have their own, exact accessors.
  std::optional<double> number(double min = std::numeric_limits<double>::lowest(),
                               double max = std::numeric_limits<double>::max()) const;
  /// "3/100", "3%" or 0.03; not negative and at most `max`.
  std::optional<Ratio> ratio(std::uint64_t max = 1) const;
  /// "10s", "1m30s": a unit is required.
  std::optional<sim::Duration> duration(sim::Duration min = sim::Duration::zero(),
                                        sim::Duration max = sim::forever) const;
  /// "16MB", "8kB", "512B": powers of 1024 as in PostgreSQL; also KiB, MiB, GiB, TiB.
  std::optional<std::uint64_t> bytes() const;
  /// One of the names of the table; `what` completes `"node_lost" is not ...`: "a fault".
  template <class E, std::size_t size>
  std::optional<E> choice(std::string_view what,
                          const std::array<std::pair<std::string_view, E>, size>& table) const {
    std::vector<std::string_view> names;
    for (const auto& entry : table) names.push_back(entry.first);
    const std::optional<std::size_t> index = choice_index(what, names);
    if (!index) return std::nullopt;
    return table[*index].second;
  }
  std::optional<std::size_t> choice_index(std::string_view what,
                                          std::span<const std::string_view> names) const;

  /// The values of a list; of anything else none, with an error.
  std::vector<Value> items() const;
  /// The keys and values of a map with free keys; of anything else none, with an error.
  std::vector<std::pair<std::string, Value>> entries() const;

  // --- as other systems write their settings ---

  /// A time setting of PostgreSQL: a number with us, ms, s, min, h or d, or without a unit in
  /// units of `base`, to which it is rounded (guc.c: parse_int).
  std::optional<sim::Duration> postgres_duration(sim::Duration base) const;
  /// Patroni reads ttl, loop_wait and the like as PostgreSQL reads a setting in seconds
  /// (patroni/utils.py: parse_int with base unit s).
  std::optional<sim::Duration> patroni_seconds() const;
  /// PgBouncer reads times as seconds, fractions allowed, cut to microseconds (libusual
  /// usual/cfparser.c: cf_set_time_usec).
  std::optional<sim::Duration> pgbouncer_seconds() const;
  /// HAProxy: an integer with us, ms, s, m, h or d, or without a unit in units of `base`
  /// (Configuration Manual 2.6, section 2.5).
  std::optional<sim::Duration> haproxy_time(
      sim::Duration base = std::chrono::milliseconds(1)) const;
  /// A memory setting of PostgreSQL in bytes: B, kB, MB, GB, TB, or in units of `base_bytes`.
  std::optional<std::uint64_t> postgres_bytes(std::uint64_t base_bytes) const;
  /// An integer that may be written in quotes, as in the parameters of a Zalando manifest.
  std::optional<std::int64_t> quoted_integer(
      std::int64_t min = std::numeric_limits<std::int64_t>::min(),
      std::int64_t max = std::numeric_limits<std::int64_t>::max()) const;
  /// on, off, true, false, yes, no, 1, 0 and their unambiguous beginnings (bool.c: parse_bool).
  std::optional<bool> postgres_boolean() const;
  /// A quantity of Kubernetes in whole bytes, rounded up: "500Gi", "2G", 1048576.
  std::optional<std::uint64_t> kubernetes_bytes() const;
  /// A quantity of Kubernetes in thousandths, rounded up: "100m" is 100, "8" is 8000.
  std::optional<std::uint64_t> kubernetes_thousandths() const;

 private:
  // The text of a scalar that `what` ("a duration") may be read from; reports anything else.
  const std::string* scalar_text(std::string_view what) const;
  std::optional<std::int64_t> integer_of(const std::string& text, std::int64_t min,
                                         std::int64_t max) const;
  void expected(std::string_view what) const;

  const Node* node_;
  std::string path_;
  Place place_;
  Diagnostics* diagnostics_;
};

/// The root of a document as a value.
Value root_value(const Document&, Diagnostics&);
/// Any node as a value, e.g. a part of a YAML file.
Value node_value(const Node&, std::string path, Diagnostics&);

/// The keys of another system's file: those that are not read are listed as warnings, "not
/// modelled" if the system knows them and "unknown to ..." if it does not.
struct ForeignFormat {
  std::string_view system;                  // "Patroni 3.3.2"
  std::span<const std::string_view> known;  // keys that the system knows at this point
};

class Reader {
 public:
  /// Of our own format: unknown keys are errors. Reports a value that is not a map.
  explicit Reader(const Value&);
  /// Of another system's format. null counts as a key left out.
  Reader(const Value&, ForeignFormat);
  ~Reader() { finish(); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  Value required(std::string_view key);
  Value optional(std::string_view key);
  /// Says that a key is left unread on purpose.
  void ignore(std::string_view key) { optional(key); }
  bool has(std::string_view key) const;
  const Value& value() const { return value_; }
  /// Reports missing and unknown keys; done at the end of life if not before.
  void finish();

 private:
  void report_unknown(const Member&);

  Value value_;
  bool is_foreign_ = false;
  ForeignFormat foreign_;
  std::vector<std::string> asked_, missing_;
  bool finished_ = false;
};

}  // namespace predrill::harness
