// One line on a terminal that says how far long work has come; nothing at all in a pipe or a file.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>

namespace predrill::harness {

/// "node_loss  340/1000  34 %  5210/s  2 s left", cut at `width` columns. Without a total (0) only
/// what is done and the rate.
std::string progress_line(const std::string& label, std::int64_t done, std::int64_t total,
                          std::chrono::nanoseconds elapsed, std::size_t width);

/// Draws the line at most ten times a second, and not before 300 ms, so that short work leaves the
/// terminal alone. May be told by several threads. The line is gone after finish().
class Progress {
 public:
  using Clock = std::chrono::nanoseconds (*)();

  /// Total 0: not known.
  Progress(std::string label, std::int64_t total, std::FILE* out = stderr, Clock clock = nullptr);
  ~Progress() { finish(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void add(std::int64_t done = 1);
  /// Stands behind the label from now on: "p99 ± 1.2 s".
  void note(std::string text);
  /// Erases the line: call it before anything else is printed.
  void finish();
  /// False in a pipe: nothing is ever printed.
  bool is_shown() const { return shown_; }

 private:
  void draw(std::chrono::nanoseconds now);

  std::string label_;
  std::string note_;
  std::int64_t total_;
  std::FILE* out_;
  Clock clock_;
  bool shown_;
  std::mutex mutex_;
  std::int64_t done_ = 0;
  std::chrono::nanoseconds start_;
  std::chrono::nanoseconds next_;  // when to draw again
  bool drawn_ = false;
};

}  // namespace predrill::harness
