#include "harness/live/prober.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "harness/live/pg.hpp"
#include "models/prober.hpp"

namespace predrill::harness::live {

using models::Attempt;
using std::chrono::milliseconds;

const char* const probe_table = "predrill_probe";

namespace {

// An observer that waits for a processor measures itself: threads that mostly sleep come first,
// where that is allowed (root, CAP_SYS_NICE). A nice value would not do: Linux groups by session.
void come_first() {
  const sched_param first{.sched_priority = 1};
  ::pthread_setschedparam(::pthread_self(), SCHED_RR, &first);
}

}  // namespace

// An attempt is due at each interval whatever became of the earlier ones: it takes an idle lane, or
// opens one.
class Probers::Path {
 public:
  Path(Probers& probers, LiveProbe probe, std::uint16_t number)
      : probers_(probers), probe_(std::move(probe)), number_(number) {
    ticker_ = std::jthread([this](const std::stop_token& stop) { tick(stop); });
  }
  ~Path() { stop(); }

  void request_stop() {
    ticker_.request_stop();
    const std::lock_guard hold(mutex_);
    for (auto& lane : lanes_) lane->thread.request_stop();
    changed_.notify_all();
  }
  void stop() {
    request_stop();
    if (ticker_.joinable()) ticker_.join();
    request_stop();  // of a lane that the ticker has opened in between
    lanes_.clear();
  }

 private:
  struct Lane {
    bool busy = true;
    std::uint64_t tag = 0;
    sim::Duration sent{};
    std::jthread thread;
  };
  void tick(const std::stop_token& stop) {
    come_first();
    std::random_device device;
    auto next = std::chrono::steady_clock::now() +
                sim::Duration(static_cast<std::int64_t>(device()) % probe_.interval.count());
    std::unique_lock hold(mutex_);
    while (!stop.stop_requested()) {
      changed_.wait_until(hold, stop, next, [] { return false; });
      if (stop.stop_requested()) return;
      next += probe_.interval;
      const auto idle =
          std::find_if(lanes_.begin(), lanes_.end(), [](const auto& lane) { return !lane->busy; });
      if (idle != lanes_.end()) {
        give((*idle).get());
        changed_.notify_all();
        continue;
      }
      lanes_.push_back(std::make_unique<Lane>());
      Lane* lane = lanes_.back().get();
      give(lane);
      lane->thread = std::jthread([this, lane](const std::stop_token& s) { run(*lane, s); });
    }
  }

  void give(Lane* lane) {
    lane->busy = true;
    lane->tag = models::write_tag(number_, ++sequence_);
    lane->sent = probers_.base_.now();
  }

  void run(Lane& lane, const std::stop_token& stop) {
    come_first();
    PgClient client(probe_.connection);
    std::unique_lock hold(mutex_);
    while (!stop.stop_requested()) {
      changed_.wait(hold, stop, [&lane] { return lane.busy; });
      if (stop.stop_requested()) return;
      hold.unlock();
      attempt(lane, client);
      hold.lock();
      lane.busy = false;
    }
  }

  std::string statement(const Lane& lane) const {
    if (!probe_.write) {
      return "select inet_server_addr(), (extract(epoch from coalesce("
             "pg_last_xact_replay_timestamp(), clock_timestamp())) * 1e9)::bigint";
    }
    return std::string("insert into ") + probe_table + " (run, tag) values (" +
           std::to_string(probe_.run) + ", " + std::to_string(lane.tag) +
           ") returning inet_server_addr()";
  }

  void attempt(const Lane& lane, PgClient& client) {
    const auto spent = probers_.base_.now() - lane.sent;
    const SqlEnd end = client.execute(
        statement(lane), std::chrono::duration_cast<milliseconds>(probe_.timeout - spent));
    Attempt attempt;
    attempt.sent = lane.sent.count();
    attempt.finished = probers_.base_.now().count();
    attempt.tag = probe_.write ? lane.tag : 0;
    attempt.path = number_;
    attempt.write = probe_.write;
    attempt.in_flight = end.in_flight;
    attempt.outcome = end.outcome;
    attempt.state = end.state;
    if (end.ok() && !end.rows.empty()) {
      const std::vector<std::string>& row = end.rows[0];
      const auto& all = probers_.addresses_;
      const auto server = std::find(all.begin(), all.end(), row[0].substr(0, row[0].find('/')));
      if (server != all.end()) attempt.server = static_cast<models::MemberId>(server - all.begin());
      if (row.size() > 1) {
        const std::chrono::system_clock::time_point written(
            sim::Duration(std::strtoll(row[1].c_str(), nullptr, 10)));
        attempt.data_as_of = probers_.base_.of(written).count();
      }
    }
    probers_.add(attempt);
  }

  Probers& probers_;
  LiveProbe probe_;
  std::uint16_t number_;
  std::uint64_t sequence_ = 0;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::jthread ticker_;
};

Probers::Probers(const TimeBase& base, std::vector<std::string> addresses)
    : base_(base), addresses_(std::move(addresses)) {}

Probers::~Probers() {
  stop();
}

void Probers::start(const LiveProbe& probe) {
  std::uint16_t number = 0;
  {
    const std::lock_guard hold(mutex_);
    number = journal_.path(probe.path);
    successes_.resize(journal_.paths.size(), -1);
    writes_.resize(journal_.paths.size(), false);
    writes_[number] = probe.write;
  }
  paths_.push_back(std::make_unique<Path>(*this, probe, number));
}

void Probers::stop() {
  for (auto& path : paths_) path->request_stop();
  paths_.clear();
}

void Probers::add(const Attempt& attempt) {
  const std::lock_guard hold(mutex_);
  journal_.attempts.push_back(attempt);
  if (attempt.outcome == models::Outcome::ok) {
    successes_[attempt.path] = std::max(successes_[attempt.path], attempt.finished);
  } else if (attempt.write) {
    failure_ = std::max(failure_, attempt.finished);
  }
}

models::Journal Probers::journal() const {
  const std::lock_guard hold(mutex_);
  models::Journal copy = journal_;
  std::stable_sort(copy.attempts.begin(), copy.attempts.end(),
                   [](const Attempt& a, const Attempt& b) { return a.finished < b.finished; });
  copy.observed_until = base_.now().count();
  return copy;
}

std::vector<std::int64_t> Probers::last_success() const {
  const std::lock_guard hold(mutex_);
  std::vector<std::int64_t> writing;
  for (std::size_t i = 0; i < successes_.size(); ++i) {
    if (writes_[i]) writing.push_back(successes_[i]);
  }
  return writing;
}

std::int64_t Probers::last_failure() const {
  const std::lock_guard hold(mutex_);
  return failure_;
}

sim::Duration longest_pause(const models::Journal& journal, sim::Duration from) {
  std::vector<std::int64_t> sent;
  for (const models::Attempt& attempt : journal.attempts) {
    if (attempt.sent >= from.count()) sent.push_back(attempt.sent);
  }
  std::sort(sent.begin(), sent.end());
  std::int64_t longest = 0;
  for (std::size_t i = 1; i < sent.size(); ++i) longest = std::max(longest, sent[i] - sent[i - 1]);
  return sim::Duration(longest);
}

}  // namespace predrill::harness::live
