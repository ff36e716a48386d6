#include "models/patroni_config.hpp"

#include <algorithm>
#include <array>

namespace predrill::models {

using namespace std::chrono_literals;
using sim::Distribution;
using sim::Duration;

std::string_view to_text(PatroniVersion version) {
  static constexpr std::array<std::string_view, 7> texts = {"3.0.2", "3.1", "3.2", "3.3.2",
                                                            "3.3.7", "4.0", "4.1"};
  return texts[static_cast<std::size_t>(version)];
}

namespace {

void raise_to(Duration& value, Duration least, std::string_view name,
              std::vector<std::string>& said) {
  if (value >= least) return;
  said.push_back(std::string(name) + " = " + sim::to_exact_text(value) +
                 " is below its minimum; adjusted to " + sim::to_exact_text(least));
  value = least;
}

}  // namespace

std::vector<std::string> adjust(PatroniConfig& config) {
  std::vector<std::string> said;
  if (features(config.version).timeout_rule) {
    raise_to(config.loop_wait, 1s, "loop_wait", said);
    raise_to(config.retry_timeout, 3s, "retry_timeout", said);
    raise_to(config.ttl, 20s, "ttl", said);
    const std::string rule = "loop_wait + 2*retry_timeout <= ttl is violated, where ttl = " +
                             sim::to_exact_text(config.ttl) + ": ";
    if (1s + 2 * config.retry_timeout > config.ttl) {
      // Whole seconds, like the integer division of the original.
      const auto retry = std::chrono::floor<std::chrono::seconds>((config.ttl - 1s) / 2);
      said.push_back(rule + "loop_wait adjusted from " + sim::to_exact_text(config.loop_wait) +
                     " to 1s and retry_timeout from " + sim::to_exact_text(config.retry_timeout) +
                     " to " + sim::to_exact_text(retry));
      config.loop_wait = 1s;
      config.retry_timeout = retry;
    } else if (config.loop_wait + 2 * config.retry_timeout > config.ttl) {
      const Duration loop = config.ttl - 2 * config.retry_timeout;
      said.push_back(rule + "loop_wait adjusted from " + sim::to_exact_text(config.loop_wait) +
                     " to " + sim::to_exact_text(loop));
      config.loop_wait = loop;
    }
  }
  const std::int32_t least = config.synchronous_mode_strict ? 1 : 0;
  if (config.synchronous_node_count < least) {
    said.push_back("synchronous_node_count = " + std::to_string(config.synchronous_node_count) +
                   " is taken as " + std::to_string(least));
    config.synchronous_node_count = least;
  }
  if (config.primary_stop_timeout > Duration{} && !config.synchronous_mode) {
    said.push_back("primary_stop_timeout is ignored without synchronous_mode");
    config.primary_stop_timeout = {};
  }
  if (config.watchdog.mode != WatchdogConfig::Mode::off && config.watchdog.device &&
      config.watchdog_timeout() < config.loop_wait) {
    said.push_back("watchdog: its time-out of " + sim::to_exact_text(config.watchdog_timeout()) +
                   " is below loop_wait; the watchdog is not used");
    config.watchdog.device = false;
  }
  return said;
}

PatroniTimings::PatroniTimings()
    : start(Distribution::quantiles(
                {{0.0, 180ms}, {0.25, 200ms}, {0.5, 400ms}, {0.75, 600ms}, {1.0, 1300ms}})
                .with_source("25 starts with all files in memory, from exec to the first word of "
                             "etcd: 0.18 to 0.21 s; an assumption where they come from a disk or "
                             "processors are busy")),
      first_cycle(Distribution::quantiles({{0.0, 10ms},
                                           {0.1, 30ms},
                                           {0.25, 50ms},
                                           {0.5, 70ms},
                                           {0.75, 100ms},
                                           {0.9, 105ms},
                                           {1.0, 240ms}})
                      .with_source("lab: 70 starts of 3.0.2 and 4.1.4, from \"Selected new etcd "
                                   "server\" to the first \"Lock owner\" or \"Postgresql is not "
                                   "running\"")),
      rest_answer(Distribution::lognormal_percentiles(0.5, 4ms, 0.99, 20ms)
                      .with_source("lab: 3 to 9 ms from \"received switchover request\" to \"Got "
                                   "response\", 8 times")),
      cycle(Distribution::lognormal_percentiles(0.5, 5ms, 0.99, 30ms)
                .with_source(
                    "lab: 0.149 to 0.163 s from \"Lock owner\" to \"demoting myself\", 8 times, "
                    "of which three writes to etcd take 0.13 to 0.14 s and a round of polls 4 ms")),
      promote_command(
          Distribution::quantiles({{0.0, 2ms},
                                   {0.1, 3ms},
                                   {0.25, 4ms},
                                   {0.5, 6ms},
                                   {0.75, 8ms},
                                   {0.9, 12ms},
                                   {1.0, 78ms}})
              .with_source("lab: 506 promotions, from \"promoted self to leader\", the end of the "
                           "cycle that decided, to \"received promote request\" where no other "
                           "cycle lies between")),
      start_command(
          Distribution::quantiles({{0.0, 200ms},
                                   {0.1, 225ms},
                                   {0.25, 265ms},
                                   {0.5, 385ms},
                                   {0.75, 615ms},
                                   {0.9, 770ms},
                                   {1.0, 1200ms}})
              .with_source("lab: 43 starts, from \"starting as a secondary\" or \"as readonly\" to "
                           "PostgreSQL's \"starting PostgreSQL\"; a new Python interpreter of its "
                           "own, PostmasterProcess.start")),
      pid_file(Distribution::quantiles({{0.0, 3ms},
                                        {0.1, 28ms},
                                        {0.25, 48ms},
                                        {0.5, 77ms},
                                        {0.75, 131ms},
                                        {0.9, 222ms},
                                        {1.0, 696ms}})
                   .with_source("lab: 109 starts, from \"starting PostgreSQL\" to Patroni's "
                                "\"postmaster pid\"; only then pg_isready runs")),
      after_start(
          Distribution::quantiles({{0.0, 32ms},
                                   {0.1, 46ms},
                                   {0.25, 53ms},
                                   {0.5, 61ms},
                                   {0.75, 84ms},
                                   {0.9, 102ms},
                                   {1.0, 170ms}})
              .with_source("lab: 62 starts of a leader, from \"postmaster pid\" to the next "
                           "cycle's \"Lock owner\": pg_isready twice, configuration files, "
                           "callbacks")),
      single_user_mode(
          Distribution::quantiles({{0.0, 227ms},
                                   {0.1, 300ms},
                                   {0.25, 342ms},
                                   {0.5, 537ms},
                                   {0.75, 739ms},
                                   {0.9, 1059ms},
                                   {1.0, 1329ms}})
              .with_source("lab: 63 recoveries of 40 MB after a few seconds of writes, from "
                           "\"doing crash recovery in a single user mode\" to the next cycle's "
                           "\"Postgresql is not running\"; two to four times as long while "
                           "compilers competed for the processors")),
      rewind_check(Distribution::uniform(20ms, 100ms)
                       .with_source("estimate: three local commands and one connection")),
      command(Distribution::lognormal_percentiles(0.5, 5ms, 0.99, 40ms)
                  .with_source("lab: pg_controldata by itself 1.5 to 3 ms, 40 times; fork and exec "
                               "by Patroni are an estimate")),
      rest_shutdown(Distribution::uniform(0ms, 500ms)
                        .with_source("Python, socketserver.BaseServer: shutdown() waits until "
                                     "serve_forever(poll_interval=0.5) looks up; lab: fast stop "
                                     "0.16 to 0.47 s after SIGTERM")),
      exit(Distribution::quantiles({{0.0, 33ms},
                                    {0.1, 48ms},
                                    {0.25, 58ms},
                                    {0.5, 84ms},
                                    {0.75, 104ms},
                                    {0.9, 135ms},
                                    {1.0, 185ms}})
               .with_source("lab: 84 stops, from the key's deletion until another member's poll of "
                            "the socket that was still open broke off 80 to 232 ms, less 47 ms for "
                            "the request by which touch_member says \"stopped\"")),
      thread_wake(
          Distribution::quantiles(
              {{0.0, 60us}, {0.5, 120us}, {0.8, 400us}, {0.89, 1100us}, {0.95, 5ms}, {1.0, 25ms}})
              .with_source("Python threads that wait for one lock, 800 times: p50 0.1 ms, "
                           "up to 27 ms; lab: 4 of 53 (and 3 of 12 inferred, under load) waited "
                           "longer than the pause of 1 ms between two late cycles")),
      next_cycle(Distribution::constant(400us).with_source(
          "inferred, lab: 41 of 200 promotions whose thread stood in line while the main loop went "
          "on at once waited for another cycle, which thread_wake exceeds in 20 %")),
      retry_jitter(Distribution::uniform(100ms, 900ms)
                       .with_source("patroni/utils.py, Retry: delay 0.1 s, jitter 0.8 s")),
      postmaster_exit(
          Distribution::uniform(1100ms, 1600ms)
              .with_source("lab: the key was released 2.9 to 3.4 s after SIGTERM, so the "
                           "postmaster still was there at the poll after 1 s; zero "
                           "where nothing is archived and process 1 reaps at once")) {}

}  // namespace predrill::models
