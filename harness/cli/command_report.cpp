#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "harness/cli/cli.hpp"
#include "harness/cli/options.hpp"
#include "harness/cli/output_files.hpp"
#include "harness/cli/terminal.hpp"
#include "harness/report/html.hpp"
#include "harness/report/web_assets.hpp"

namespace predrill::harness {

int command_report(const ReportCommand& command) {
  std::string charts(chart_library());
  if (!command.charts.empty()) {
    std::ifstream in(command.charts, std::ios::binary);
    charts.assign(std::istreambuf_iterator<char>(in), {});
    if (!in || charts.empty()) {
      std::fprintf(stderr, "predrill: %s: cannot be read\n", command.charts.c_str());
      return exit_usage;
    }
  }
  if (charts.empty()) {
    std::fputs(
        "predrill: this program was built without Apache ECharts, which draws the charts. Install "
        "npm and start ./predrill report again, which fetches it and builds it in, or name a copy "
        "of echarts.min.js with --charts FILE\n",
        stderr);
    return exit_usage;
  }
  Diagnostics diagnostics;
  const std::vector<std::filesystem::path> files(command.results.begin(), command.results.end());
  const auto page = html_report(files, charts, diagnostics);
  if (!report(diagnostics) || !page) return exit_usage;
  OutputFiles output;
  output.add(command.out, *page);
  if (const auto problem = output.write()) {
    std::fprintf(stderr, "predrill: %s\n", problem->c_str());
    return exit_internal;
  }
  std::printf("%s\n", command.out.c_str());
  return exit_met;
}

}  // namespace predrill::harness
