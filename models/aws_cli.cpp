#include "models/aws_cli.hpp"

namespace predrill::models {

using namespace std::chrono_literals;

AwsCliConfig AwsCliConfig::defaults() {
  return {sim::Distribution::uniform(300ms, 1s).with_source(
      "model: start of Python and one HTTPS round trip; 8 to 13 s measured "
      "on an overloaded two-processor machine")};
}

sim::Task<WaitOutcome> aws_wait(Describable& target, const AwsCliConfig* cli,
                                AwsWaiterConfig waiter, sim::Stream* stream) {
  const sim::Duration start = cli->call.sample_duration(*stream);
  co_await sim::sleep_for(start);
  WaitOutcome outcome;
  for (outcome.polls = 1; outcome.polls <= waiter.attempts; ++outcome.polls) {
    const WaiterVerdict verdict = target.describe();
    if (verdict == WaiterVerdict::success) {
      outcome.end = WaitEnd::success;
      co_return outcome;
    }
    if (verdict == WaiterVerdict::failure) {
      outcome.end = WaitEnd::failure;
      co_return outcome;
    }
    co_await sim::sleep_for(waiter.interval);
  }
  outcome.end = WaitEnd::attempts_exhausted;
  co_return outcome;
}

}  // namespace predrill::models
