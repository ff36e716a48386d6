// A prober: small statements at a steady rate over one path, each with its own time-out, none ever
// waiting for another. What it writes down is what a live prober writes down (models/journal.hpp).
//
// Real thing and version: this project's own prober for live drills; psql in a loop, done right.
// Modelled: an attempt is due every `interval` whatever became of the earlier ones: it takes the
//   first idle lane, or a new one; connections are kept while they work and opened anew after any
//   failure.
// Simplified (diverges from the real thing): nothing known.
// Ignored: the prober's own processing time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "models/journal.hpp"
#include "models/sql_client.hpp"
#include "sim/host.hpp"
#include "sim/sync.hpp"
#include "sim/task.hpp"

namespace predrill::models {

struct ProberConfig {
  std::string path = "direct";  // in the journal
  LibpqConfig target;
  bool write = true;
  sim::Duration interval = std::chrono::milliseconds(200);
  sim::Duration timeout = std::chrono::seconds(2);      // connection and statement together
  sim::Duration offset{};                               // of the first attempt
  bool keep_connection = true;                          // else a new one for each attempt
  std::uint32_t wal_bytes = 200;                        // of a write
  sim::Duration work = std::chrono::microseconds(200);  // on an idle server
};

/// Tags of writes are unique in a run: the path (by its number in the journal) above, the attempt
/// below.
constexpr int tag_path_shift = 40;
constexpr std::uint64_t write_tag(std::size_t path, std::uint64_t number) {
  return (std::uint64_t{path} + 1) << tag_path_shift | number;
}
constexpr std::size_t path_of_tag(std::uint64_t tag) {  // SIZE_MAX: of no path
  return static_cast<std::size_t>(tag >> tag_path_shift) - 1;
}
constexpr std::size_t number_of_tag(std::uint64_t tag) {
  return static_cast<std::size_t>(tag & ((std::uint64_t{1} << tag_path_shift) - 1));
}

class Prober {
 public:
  Prober(sim::Host& host, AddressBook& book, DnsServer* resolver, ProberConfig config,
         Journal& journal);
  ~Prober();

  void start();
  void stop() { group_.kill(); }
  std::uint64_t attempts() const { return sequence_; }
  /// Connections open or being opened at one time, at most so far.
  std::size_t lanes() const { return lanes_.size(); }
  sim::Group& group() { return group_; }

 private:
  struct Lane {
    SqlSocket socket;
    sim::Signal work;
    bool busy = false;
    std::uint64_t tag = 0;
    sim::Time sent{};
  };
  sim::Task<> tick();
  sim::Task<> run(Lane& lane);
  void record(const Lane& lane, const StatementResult& result);

  ProberConfig config_;
  Journal& journal_;
  std::uint16_t path_;
  std::uint64_t sequence_ = 0;
  std::vector<std::unique_ptr<Lane>> lanes_;
  sim::Group group_;
  Libpq libpq_;
};

}  // namespace predrill::models
