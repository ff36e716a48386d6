#include "harness/report/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "harness/report/number.hpp"
#include "harness/report/table.hpp"

namespace predrill::harness {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

namespace {

constexpr nanoseconds first_draw = 300ms;
constexpr nanoseconds between_draws = 100ms;
constexpr const char* erase = "\r\x1b[K";  // to the beginning of the line, and clear it

nanoseconds steady_now() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

std::size_t columns_of(std::FILE* out) {
  winsize size{};
  if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

// Seconds to hours, never finer than a second: this is a guess.
std::string left_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole < 120) return std::to_string(whole) + " s left";
  if (whole < 7200) return std::to_string((whole + 30) / 60) + " min left";
  return std::to_string((whole + 1800) / 3600) + " h left";
}

}  // namespace

std::string progress_line(const std::string& label, std::int64_t done, std::int64_t total,
                          nanoseconds elapsed, std::size_t width) {
  std::string line = label + "  " + grouped(done);
  if (total > 0) {
    const auto share = static_cast<double>(done) / static_cast<double>(total);
    line += "/" + grouped(total) + "  " + percent_text(std::min(share, 1.0));
  }
  const double seconds = std::chrono::duration<double>(elapsed).count();
  if (done > 0 && seconds > 0) {
    const double rate = static_cast<double>(done) / seconds;
    line += "  " +
            (rate < 10 ? seconds_text(static_cast<std::int64_t>(rate * 1e9), 1)
                       : grouped(static_cast<std::int64_t>(rate + 0.5))) +
            "/s";
    if (total > done) line += "  " + left_text(static_cast<double>(total - done) / rate);
  }
  while (!line.empty() && display_width(line) > width) {
    // Whole characters: their continuation bytes go with them.
    while ((static_cast<unsigned char>(line.back()) & 0xc0U) == 0x80U && line.size() > 1) {
      line.pop_back();
    }
    line.pop_back();
  }
  return line;
}

Progress::Progress(std::string label, std::int64_t total, std::FILE* out, Clock clock)
    : label_(std::move(label)),
      total_(total),
      out_(out),
      clock_(clock == nullptr ? steady_now : clock),
      shown_(isatty(fileno(out)) == 1),
      start_(clock_()),
      next_(start_ + first_draw) {}

void Progress::add(std::int64_t done) {
  if (!shown_) return;
  const std::lock_guard lock(mutex_);
  done_ += done;
  const nanoseconds now = clock_();
  if (now >= next_) draw(now);
}

void Progress::note(std::string text) {
  if (!shown_) return;
  const std::lock_guard lock(mutex_);
  note_ = std::move(text);
}

void Progress::finish() {
  if (!shown_) return;
  const std::lock_guard lock(mutex_);
  if (drawn_) {
    std::fputs(erase, out_);
    std::fflush(out_);
  }
  drawn_ = false;
  next_ = nanoseconds::max();
}

void Progress::draw(nanoseconds now) {
  // The last column stays free: some terminals wrap once it is written.
  const std::size_t columns = columns_of(out_);
  const std::string label = note_.empty() ? label_ : label_ + "  " + note_;
  const std::string line =
      progress_line(label, done_, total_, now - start_, columns > 1 ? columns - 1 : 1);
  std::fputs(erase, out_);
  std::fputs(line.c_str(), out_);
  std::fflush(out_);
  drawn_ = true;
  next_ = now + between_draws;
}

}  // namespace predrill::harness
