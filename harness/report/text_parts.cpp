#include "harness/report/text_parts.hpp"

#include <algorithm>

#include "harness/report/number.hpp"

namespace predrill::harness {

using Align = Table::Align;

std::string signed_seconds(sim::Duration at, int decimals) {
  const std::string text = seconds_text(at.count(), decimals);
  return at.count() > 0 && text != "0" ? "+" + text : text;
}

std::string time_text(sim::Duration time) {
  return time == sim::Duration{} ? "0 s" : sim::to_text(time);
}

std::string count_text(std::uint64_t n) {
  return grouped(static_cast<std::int64_t>(std::min<std::uint64_t>(n, INT64_MAX)));
}

std::string paragraph(const std::string& text, const TextStyle& style) {
  std::string out;
  for (const std::string& line : wrap(text, style.width)) out += line + "\n";
  return out;
}

std::string stage_table(const std::array<double, stages>& lengths,
                        const std::array<std::string, stages>& times, const std::string& time_title,
                        const TextStyle& style) {
  constexpr int bar_width = 30;
  const std::vector<int> percent = apportion(lengths, 100);
  const std::vector<int> bars = apportion(lengths, bar_width);
  Table table({{"stage"}, {time_title, Align::right}, {"share", Align::right}, {""}});
  for (std::size_t i = 0; i < stages; ++i) {
    std::string bar;
    for (int part = 0; part < bars[i]; ++part) bar += "█";
    table.add({std::string(stage_names[i]),
               times[i],
               std::to_string(percent[i]) + " %",
               {bar, Colour::yellow}});
  }
  return table.text(style, 2);
}

}  // namespace predrill::harness
