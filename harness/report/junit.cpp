#include "harness/report/junit.hpp"

#include <algorithm>

namespace predrill::harness {

namespace {

std::string attribute(const std::string& name, const std::string& value) {
  return " " + name + "=\"" + xml_escaped(value) + "\"";
}

std::string element_of(const JunitCase& one) {
  std::string text = "    <testcase" + attribute("name", one.name) +
                     attribute("classname", one.class_name) + attribute("time", "0");
  std::string body;
  switch (one.outcome) {
    case JunitCase::Outcome::passed:
      break;
    case JunitCase::Outcome::failed:
      body += "      <failure" + attribute("message", one.message) + attribute("type", "failure") +
              ">" + xml_escaped(one.details) + "</failure>\n";
      break;
    case JunitCase::Outcome::skipped:
      body += "      <skipped" + attribute("message", one.message) + "/>\n";
      break;
  }
  if (!one.output.empty()) {
    body += "      <system-out>" + xml_escaped(one.output) + "</system-out>\n";
  }
  return text + (body.empty() ? "/>\n" : ">\n" + body + "    </testcase>\n");
}

}  // namespace

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 && c != '\n' && c != '\t' ? '?' : c;
      }
    }
  }
  return out;
}

std::string junit_text(const JunitSuite& suite) {
  const auto count = [&](JunitCase::Outcome outcome) {
    return std::to_string(
        std::count_if(suite.cases.begin(), suite.cases.end(),
                      [outcome](const JunitCase& one) { return one.outcome == outcome; }));
  };
  const std::string counts = attribute("tests", std::to_string(suite.cases.size())) +
                             attribute("failures", count(JunitCase::Outcome::failed)) +
                             attribute("errors", "0") + attribute("time", "0");
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites" +
                     attribute("name", suite.name) + counts + ">\n  <testsuite" +
                     attribute("name", suite.name) + counts +
                     attribute("skipped", count(JunitCase::Outcome::skipped)) + ">\n";
  if (!suite.properties.empty()) {
    text += "    <properties>\n";
    for (const auto& [name, value] : suite.properties) {
      text += "      <property" + attribute("name", name) + attribute("value", value) + "/>\n";
    }
    text += "    </properties>\n";
  }
  for (const JunitCase& one : suite.cases) text += element_of(one);
  return text + "  </testsuite>\n</testsuites>\n";
}

}  // namespace predrill::harness
