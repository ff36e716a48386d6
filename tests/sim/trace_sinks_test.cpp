// What the sinks write, and what a failed assertion tells.
#include "sim/trace_sinks.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "sim/task.hpp"

using namespace predrill::sim;
using namespace std::chrono_literals;

namespace {

constexpr Kind went_down{"test.down", "goes down"};
constexpr Kind came_up{"test.up", "is up again after {0:d}"};
constexpr Kind noticed{"test.noticed", "sees \"{0:e}\" at {1:lsn}, {2:x}, {3}"};
constexpr Kind silent{"test.silent", ""};

// Down at 1 s, noticed by another at 2 s because of that, up at 3.5 s, for no reason.
void tell_story(Trace& trace) {
  const EntityId db = trace.entity("pg-0/postgres");
  const EntityId watcher = trace.entity("pg-1/patroni");
  trace.set_cause(0);
  trace.emit(Time{} + 1s, db, went_down);
  trace.emit(Time{} + 2s + 1ns, watcher, noticed, static_cast<std::int64_t>(db), 0x1600000abc, 255,
             -7);
  trace.set_cause(0);
  trace.emit(Time{} + 3500ms, db, came_up, Duration(2500ms).count());
  trace.emit(Time{} + 100h, trace.entity("pg-0"), silent);
}

}  // namespace

TEST_CASE("a timeline is text with time, entity and sentence", "[trace]") {
  Trace trace;
  std::ostringstream out;
  TextTimeline sink(out);
  trace.attach(sink);
  tell_story(trace);
  trace.detach(sink);
  tell_story(trace);
  CHECK(out.str() ==
        "+00:00:01.000000000 pg-0/postgres goes down\n"
        "+00:00:02.000000001 pg-1/patroni sees \"pg-0/postgres\" at 16/ABC, 0xFF, -7\n"
        "+00:00:03.500000000 pg-0/postgres is up again after 2.5 s\n"
        "+100:00:00.000000000 pg-0 test.silent\n");
}

TEST_CASE("a collector keeps records in order and finds those of a kind", "[trace]") {
  Trace trace;
  RecordCollector sink;
  trace.attach(sink);
  tell_story(trace);
  REQUIRE(sink.records().size() == 4);
  CHECK(sink.records()[1].cause == 1);
  CHECK(sink.records()[2].cause == 0);
  REQUIRE(sink.of(came_up).size() == 1);
  CHECK(sink.of(came_up).front().id == 3);
}

TEST_CASE("JSON lines can be read back", "[trace]") {
  Trace trace;
  std::ostringstream out;
  JsonLines sink(out);
  trace.attach(sink);
  tell_story(trace);
  std::istringstream lines(out.str());
  std::vector<nlohmann::json> records;
  for (std::string line; std::getline(lines, line);) records.push_back(nlohmann::json::parse(line));
  REQUIRE(records.size() == 4);
  CHECK(records[1]["id"] == 2);
  CHECK(records[1]["cause"] == 1);
  CHECK(records[1]["t_ns"] == 2'000'000'001);
  CHECK(records[1]["entity"] == "pg-1/patroni");
  CHECK(records[1]["kind"] == "test.noticed");
  CHECK(records[1]["values"][0] == "pg-0/postgres");
  CHECK(records[1]["values"][3] == -7);
  CHECK(records[1]["text"] == "sees \"pg-0/postgres\" at 16/ABC, 0xFF, -7");
}

TEST_CASE("text is quoted for JSON", "[trace]") {
  const std::string odd = "a\"b\\c\nd\x01 é";
  CHECK(json_quoted(odd) == "\"a\\\"b\\\\c\\nd\\u0001 é\"");
  CHECK(nlohmann::json::parse(json_quoted(odd)) == odd);
}

TEST_CASE("a Perfetto trace has tracks, records, arrows and slices", "[trace]") {
  Trace trace;
  std::ostringstream out;
  {
    PerfettoTrace sink(out);
    sink.declare_slice(went_down, came_up, "outage");
    trace.attach(sink);
    tell_story(trace);
    trace.detach(sink);
  }
  const auto events = nlohmann::json::parse(out.str())["traceEvents"];
  const auto with = [&](const std::string& phase, const std::string& name) {
    std::vector<nlohmann::json> found;
    std::copy_if(events.begin(), events.end(), std::back_inserter(found), [&](const auto& event) {
      return event["ph"] == phase && (name.empty() || event["name"] == name);
    });
    return found;
  };
  // pg-0 has two tracks, its own and that of postgres; pg-1 has one.
  const auto processes = with("M", "process_name");
  REQUIRE(processes.size() == 2);
  CHECK(processes[0]["args"]["name"] == "pg-0");
  const auto threads = with("M", "thread_name");
  REQUIRE(threads.size() == 3);
  CHECK(threads[0]["args"]["name"] == "postgres");
  CHECK(threads[2]["args"]["name"] == "pg-0");
  CHECK(threads[0]["pid"] == threads[2]["pid"]);
  CHECK(threads[0]["tid"] != threads[2]["tid"]);

  CHECK(with("X", "").size() == 4);
  const auto records = with("X", "test.noticed");
  REQUIRE(records.size() == 1);
  CHECK(records[0]["ts"] == 2'000'000.001);  // µs
  CHECK(records[0]["dur"] == 10'000);
  // One arrow, from the cause to what it caused; the last record has a cause on another track too.
  const auto tails = with("s", "");
  const auto heads = with("f", "");
  REQUIRE(tails.size() == 2);
  REQUIRE(heads.size() == 2);
  CHECK(tails[0]["ts"] == 1e6);
  CHECK(tails[0]["tid"] == threads[0]["tid"]);
  CHECK(heads[0]["tid"] == threads[1]["tid"]);
  CHECK(heads[0]["id"] == tails[0]["id"]);
  CHECK(heads[0]["id"] != heads[1]["id"]);
  // The outage.
  REQUIRE(with("b", "outage").size() == 1);
  REQUIRE(with("e", "outage").size() == 1);
  CHECK(with("b", "outage")[0]["ts"] == 1e6);
  CHECK(with("e", "outage")[0]["ts"] == 3.5e6);
}

TEST_CASE("a record's slice ends before the next one of its track", "[trace]") {
  using namespace std::chrono_literals;
  std::ostringstream out;
  {
    Trace trace;
    PerfettoTrace sink(out);
    trace.attach(sink);
    const EntityId db = trace.entity("db");
    for (const auto at : {1s + 0ns, 1s + 0ns, 1s + 4000ns, 2s + 0ns}) {
      trace.emit(Time{at}, db, went_down);
    }
    trace.detach(sink);
  }
  const auto document = nlohmann::json::parse(out.str());
  std::vector<double> lengths;
  for (const auto& event : document["traceEvents"]) {
    if (event["ph"] == "X") lengths.push_back(event["dur"]);
  }
  CHECK(lengths == std::vector<double>{3.999, 3.998, 10'000, 10'000});
}

TEST_CASE("the order in which names are first used is nobody's business", "[trace]") {
  // g++ and clang evaluate the arguments of one call in different orders.
  const auto told = [](std::initializer_list<const char*> first_used) {
    Trace trace;
    std::ostringstream out;
    JsonLines json(out);
    std::ostringstream tracks;
    {
      PerfettoTrace perfetto(tracks);
      trace.attach(json);
      trace.attach(perfetto);
      for (const char* name : first_used) trace.entity(name);
      tell_story(trace);
    }
    return std::tuple(trace.digest(), out.str(), tracks.str());
  };
  CHECK(told({"pg-1/patroni", "x", "pg-0"}) == told({"pg-0/postgres"}));
  Trace trace;
  const std::uint64_t before = trace.digest();
  trace.emit(Time{}, trace.entity("a"), noticed, trace.name("b"));
  Trace other;
  other.emit(Time{}, other.entity("a"), noticed, other.name("c"));
  CHECK(trace.digest() != before);
  CHECK(trace.digest() != other.digest());
}

TEST_CASE("sinks do not influence the fingerprint", "[trace]") {
  Trace plain;
  tell_story(plain);
  Trace watched;
  RecordCollector sink;
  watched.attach(sink);
  tell_story(watched);
  CHECK(plain.digest() == watched.digest());
}

TEST_CASE("the trace remembers its last 40 records", "[trace]") {
  Trace trace;
  const EntityId db = trace.entity("db");
  const auto ids = [&] {
    std::vector<std::uint32_t> out;
    for (const Record& record : trace.latest()) out.push_back(record.id);
    return out;
  };
  CHECK(ids().empty());
  for (std::uint32_t i = 1; i <= 137; ++i) {
    trace.emit(Time{}, db, went_down);
    const auto latest = ids();
    REQUIRE(latest.size() == std::min(i, 40U));
    REQUIRE(latest.back() == i);
    REQUIRE(latest.front() == i - latest.size() + 1);
    REQUIRE(std::is_sorted(latest.begin(), latest.end()));
  }
}

namespace {

// What f prints to the standard error before it ends the process by SIGABRT.
std::string last_words(void (*f)()) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    signal(SIGABRT, SIG_DFL);  // not Catch's
    f();
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[512];
  for (ssize_t n = 0; (n = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  return text;
}

Task<> faulty() {
  co_await sleep_for(90s);
  const Group& group = co_await this_group();
  group.simulation().trace().emit(group.now(), group.host().entity(), went_down);
  SIM_ASSERT(group.now() == Time{}, "time has passed");
}

void fail_in_a_run() {
  Simulation sim({.seed = 4711});
  sim.set_how_to_repeat("predrill run x.json --seed 4711");
  Host host(sim, "pg-0");
  Group group(host, "postgres");
  group.spawn(faulty());
  sim.run_for(1h);
}

void fail_outside() {
  SIM_ASSERT(1 + 1 == 3, "arithmetic");
}

}  // namespace

TEST_CASE("a failed assertion tells where in which run it happened", "[trace]") {
  const std::string text = last_words(fail_in_a_run);
  CHECK_THAT(text, Catch::Contains("time has passed (group.now() == Time{})"));
  CHECK_THAT(text, Catch::Contains("at 1m30s of the run with seed 4711, after 2 events, in a "
                                   "process of pg-0/postgres"));
  CHECK_THAT(text, Catch::Contains("repeat it with: predrill run x.json --seed 4711"));
  CHECK_THAT(text, Catch::Contains("+00:01:30.000000000 pg-0 goes down"));

  const std::string outside = last_words(fail_outside);
  CHECK_THAT(outside, Catch::Contains("arithmetic (1 + 1 == 3)"));
  CHECK_THAT(outside, !Catch::Contains("seed"));
}
