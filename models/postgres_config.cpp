#include "models/postgres_config.hpp"

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;

// Limits and clamps: PostgreSQL 15, src/backend/utils/misc/guc.c.
std::vector<std::string> validate(PostgresConfig& config) {
  std::vector<std::string> problems;
  const auto check = [&problems](bool good, const char* sentence) {
    if (!good) problems.emplace_back(sentence);
  };
  check(config.member < members_max, "a member's number must be below 16");
  check(config.max_connections >= 1, "max_connections must be at least 1");
  check(config.superuser_reserved_connections < config.max_connections,
        "superuser_reserved_connections must be less than max_connections");
  check(config.checkpoint_timeout >= 30s && config.checkpoint_timeout <= 24h,
        "checkpoint_timeout must be between 30s and 1d");
  check(config.checkpoint_completion_target_percent >= 0 &&
            config.checkpoint_completion_target_percent <= 100,
        "checkpoint_completion_target must be between 0 and 1");
  check(config.max_wal_size >= std::uint64_t{32} << 20,
        "max_wal_size must be at least twice wal_segment_size (32MB)");
  check(config.wal_sender_timeout >= 0s, "wal_sender_timeout must not be negative");
  check(config.wal_receiver_timeout >= 0s, "wal_receiver_timeout must not be negative");
  check(config.wal_receiver_status_interval >= 0s,
        "wal_receiver_status_interval must not be negative");
  check(config.wal_retrieve_retry_interval >= 1ms,
        "wal_retrieve_retry_interval must be at least 1ms");
  check(config.authentication_timeout >= 1s && config.authentication_timeout <= 10min,
        "authentication_timeout must be between 1s and 10min");
  check(config.wal_writer_delay >= 1ms && config.wal_writer_delay <= 10s,
        "wal_writer_delay must be between 1ms and 10s");
  check(config.shared_buffers >= std::uint64_t{128} << 10, "shared_buffers must be at least 128kB");
  check(config.cores >= 0, "cores must not be negative");
  return problems;
}

// Sections: reference notes 3.3 to 3.6 on PostgreSQL 15; "lab": three nodes on one busy two-core
// machine.
PostgresTimings::PostgresTimings()
    : fork(Distribution::uniform(300us, 800us)
               .with_source("assumption: share of the 1..5 ms that a connection takes on an idle "
                            "LAN")),
      authentication(Distribution::uniform(700us, 4200us)
                         .with_source("assumption: rest of the 1..5 ms per connection")),
      query(Distribution::uniform(1ms, 5ms).with_source("assumption: a local query")),
      start(Distribution::uniform(500ms, 2s).with_source("notes 4.4: t_start 0.5..2 s")),
      data_directory_sync(
          Distribution::quantiles({{0.0, 50ms},
                                   {0.1, 55ms},
                                   {0.25, 58ms},
                                   {0.5, 73ms},
                                   {0.75, 117ms},
                                   {0.9, 230ms},
                                   {1.0, 532ms}})
              .with_source("lab: 20 crashes of a 40 MB cluster, from \"was interrupted\" to "
                           "\"automatic recovery in progress\"; more files take longer")),
      replay_bytes_per_second(
          Distribution::quantiles({{0.0, 19e6}, {0.5, 100e6}, {1.0, 417e6}})
              .with_source("lab: 19 MB/s of small records, 400 and 417 MB/s of page images; the "
                           "median is an assumption")),
      promotion(
          Distribution::quantiles({{0.0, 100ms}, {0.5, 300ms}, {1.0, 750ms}})
              .with_source("lab: 0.10..0.75 s in 19 promotions; the median is an assumption")),
      promotion_slow(Distribution::uniform(0s, 5s).with_source(
          "lab: the request fell into a sleep of wal_retrieve_retry_interval")),
      archive_miss(Distribution::lognormal_percentiles(0.05, 50ms, 0.95, 2s)
                       .with_source("assumption: 0.05..2 s for tools of object stores, skewed as "
                                    "latencies are")),
      stop_sessions(
          Distribution::quantiles({{0.0, 7ms},
                                   {0.1, 19ms},
                                   {0.25, 23ms},
                                   {0.5, 29ms},
                                   {0.75, 38ms},
                                   {0.9, 52ms},
                                   {0.99, 106ms},
                                   {1.0, 208ms}})
              .with_source("lab: 406 fast stops with a few sessions, from \"received fast "
                           "shutdown request\" to \"shutting down\"")),
      shutdown_checkpoint(Distribution::uniform(50ms, 250ms)
                              .with_source("assumption: syncing files of a small database")),
      crash_notice(
          Distribution::uniform(2ms, 10ms).with_source("lab: children notice within milliseconds")),
      walsender_delay(Distribution::uniform(50us, 500us)
                          .with_source("assumption: wake-up of the walsender and a read of WAL")),
      walreceiver_start(
          Distribution::quantiles({{0.0, 15ms},
                                   {0.1, 21ms},
                                   {0.25, 25ms},
                                   {0.5, 32ms},
                                   {0.75, 43ms},
                                   {0.9, 51ms},
                                   {1.0, 61ms}})
              .with_source("lab: 78 attempts, from 5 or 10 s after the primary's end to \"started "
                           "streaming\"")),
      segment_resend(
          Distribution::quantiles({{0.0, 30ms},
                                   {0.1, 43ms},
                                   {0.25, 50ms},
                                   {0.5, 60ms},
                                   {0.75, 69ms},
                                   {0.9, 109ms},
                                   {1.0, 191ms}})
              .with_source(
                  "lab: 78 times 16 MB through one machine's memory, two or five labs side "
                  "by side: 90 to 560 MB/s")),
      reload(Distribution::uniform(1ms, 20ms).with_source("assumption: SIGHUP is seen at once")),
      rewind(
          Distribution::uniform(1s, 3s).with_source("assumption: pg_rewind of a small database")),
      copy_bytes_per_second(
          Distribution::constant(100e6).with_source("assumption: 1 Gbit/s network")) {}

}  // namespace predrill::models
