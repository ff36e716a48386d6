#include "sim/assert.hpp"

#include <cstdio>
#include <cstdlib>

#include "sim/simulation.hpp"

namespace predrill::sim {

namespace {

// The run of this thread. NOLINTNEXTLINE(*-avoid-non-const-global-variables)
thread_local const Simulation* current = nullptr;

void print_run(const Simulation& simulation) {
  std::fprintf(stderr, "at %s of the run with seed %llu, after %llu events",
               to_exact_text(simulation.now() - Time{}).c_str(),
               static_cast<unsigned long long>(simulation.seed()),
               static_cast<unsigned long long>(simulation.events_executed()));
  const Group* group = simulation.running_group();
  if (group != nullptr) {
    std::fprintf(stderr, ", in a process of %s/%.*s", group->host().name().c_str(),
                 static_cast<int>(group->name().size()), group->name().data());
  }
  std::fprintf(stderr, "\n");
  if (!simulation.how_to_repeat().empty()) {
    std::fprintf(stderr, "repeat it with: %s\n", simulation.how_to_repeat().c_str());
  }
  const Trace& trace = simulation.trace();
  const auto records = trace.latest();
  if (!records.empty()) std::fprintf(stderr, "the last of the timeline:\n");
  for (const Record& record : records) std::fprintf(stderr, "  %s\n", trace.line(record).c_str());
}

}  // namespace

AssertionScope::AssertionScope(const Simulation& simulation) : outer_(current) {
  current = &simulation;
}

AssertionScope::~AssertionScope() {
  current = outer_;
}

void assertion_failed(const char* expression, const char* file, int line, const char* message) {
  std::fprintf(stderr, "predrill: internal error at %s:%d: %s (%s)\n", file, line, message,
               expression);
  if (const Simulation* simulation = current) {
    current = nullptr;  // a second failure, while this one is printed, has no more to say
    print_run(*simulation);
  }
  std::fflush(stderr);
  std::abort();
}

}  // namespace predrill::sim
