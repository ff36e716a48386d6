// `aws rds wait` and a poll loop written by hand: how an operator learns that something is done.
//
// Real thing and version: AWS CLI 2 with botocore's rds/2014-10-31 waiters-2.json.
// Modelled: the first poll is immediate, then one per interval, a bounded number of attempts; the
//   waiter knows nothing of an operation that the API does not show yet, so one that starts before
//   the state has changed succeeds at once; the start of the command line and the call itself.
// Simplified (diverges from the real thing): an answer shows the state of the instant of the call.
// Ignored: retries inside botocore, credentials that expire.
// Calibrated from: botocore (30 s, 60 attempts); the start of the command line measured on a small
//   virtual machine (8 to 13 s under load) and 0.3 to 1 s on a workstation.
#pragma once

#include <cstdint>
#include <string>

#include "sim/distribution.hpp"
#include "sim/random.hpp"
#include "sim/task.hpp"
#include "sim/time.hpp"

namespace predrill::models {

/// What one answer of a Describe call means to a waiter.
enum class WaiterVerdict : std::uint8_t { success, retry, failure };

/// Something that can be described.
class Describable {
 public:
  virtual ~Describable() = default;
  virtual WaiterVerdict describe() const = 0;
};

struct AwsCliConfig {
  sim::Distribution call;  // start of the command line until the request is answered
  static AwsCliConfig defaults();
};

struct AwsWaiterConfig {
  sim::Duration interval = std::chrono::seconds(30);
  int attempts = 60;
};

enum class WaitEnd : std::uint8_t { success, failure, attempts_exhausted };

struct WaitOutcome {
  WaitEnd end = WaitEnd::success;
  int polls = 0;
};

/// One run of `aws rds wait …`: the CLI starts, then the waiter polls. `target`, `stream` and
/// `cli` outlive it.
sim::Task<WaitOutcome> aws_wait(Describable& target, const AwsCliConfig* cli,
                                AwsWaiterConfig waiter, sim::Stream* stream);

}  // namespace predrill::models
