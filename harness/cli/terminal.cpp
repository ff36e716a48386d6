#include "harness/cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace predrill::harness {

namespace {

long now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

TextStyle style_of_output() {
  TextStyle style;
  style.width = 140;  // in a pipe
  if (isatty(STDOUT_FILENO) == 0) return style;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    style.width = std::clamp<std::size_t>(size.ws_col, 60, 200);
  }
  style.colour = std::getenv("NO_COLOR") == nullptr;
  return style;
}

Progress::Progress(std::string label)
    : label_(std::move(label)), terminal_(isatty(STDERR_FILENO) != 0), started_ms_(now_ms()) {}

Progress::~Progress() {
  if (terminal_ && shown_ms_ != 0) std::fputs("\r\033[K", stderr);
}

void Progress::show(std::size_t done, std::size_t all) {
  if (!terminal_) return;
  const long now = now_ms();
  if (now - shown_ms_ < 100) return;
  shown_ms_ = now;
  const double elapsed = static_cast<double>(now - started_ms_) / 1000;
  const double share =
      static_cast<double>(done) / static_cast<double>(std::max<std::size_t>(all, 1));
  constexpr int width = 24;
  const int filled = static_cast<int>(share * width);
  std::string bar(static_cast<std::size_t>(filled), '#');
  bar.resize(width, '.');
  std::fprintf(stderr, "\r\033[K%s [%s] %zu/%zu", label_.c_str(), bar.c_str(), done, all);
  if (done > 0 && elapsed > 1) std::fprintf(stderr, "  %.0f s left", elapsed / share - elapsed);
  std::fflush(stderr);
}

bool report(const Diagnostics& diagnostics) {
  const std::string text = diagnostics.text();
  if (!text.empty()) std::fputs(text.c_str(), stderr);
  return !diagnostics.has_errors();
}

}  // namespace predrill::harness
