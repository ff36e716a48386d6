// The files of web/ and the chart library, as they were when the program was built.
#pragma once

#include <string_view>

namespace predrill::harness {

std::string_view page_html();
std::string_view page_css();
std::string_view page_js();
/// Apache ECharts (package echarts of npm); empty if it was not there at build time.
std::string_view chart_library();

}  // namespace predrill::harness
