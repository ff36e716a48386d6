// Problems with what a person wrote: collected while files are read, printed all at once. Nothing
// runs while there is an error among them (exit status 2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace predrill::harness {

/// Where something was written. Lines and columns count from 1, columns in characters. Line 0
/// means the file as a whole or, where `file` starts with "--set ", the command line.
struct Place {
  std::shared_ptr<const std::string> file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  /// "scenarios/x.json:12:9"
  std::string text() const;
  /// True for a value given by --set instead of by a file.
  bool from_command_line() const;
};

enum class Severity { error, warning, note };

struct Diagnostic {
  Severity severity = Severity::error;
  Place place;
  std::string path;     // key path, e.g. "faults[0].at"; empty for the file as a whole
  std::string message;  // what was found, without a full stop
  std::string hint;     // what is allowed, the nearest spelling or the proposed fix; may be empty

  /// `scenarios/x.json:12:9: error: faults[0].at: "10" has no unit; write "10s"`
  std::string text() const;
};

class Diagnostics {
 public:
  void add(Diagnostic);
  void error(const Place&, std::string path, std::string message, std::string hint = "");
  void warning(const Place&, std::string path, std::string message, std::string hint = "");
  void note(const Place&, std::string path, std::string message, std::string hint = "");
  /// Takes over all problems of another collection.
  void merge(const Diagnostics&);

  bool has_errors() const { return errors_ > 0; }
  std::size_t errors() const { return errors_; }
  std::size_t warnings() const { return warnings_; }
  bool empty() const { return errors_ + warnings_ + notes_ == 0; }

  /// Sorted by file, line and column, errors before warnings at one place, in the order they were
  /// found. If there are more than `count`, errors take precedence over warnings and notes. At most
  /// kept_max errors and as many others are kept in memory; the rest is only counted.
  std::vector<Diagnostic> sorted(std::size_t count = 2 * kept_max) const;

  /// One line per problem, the first `printed_max` of them, then "... and 12 more".
  std::string text(std::size_t printed_max = 100) const;

  static constexpr std::size_t kept_max = 10'000;

 private:
  std::vector<Diagnostic> kept_errors_, kept_others_;
  std::size_t errors_ = 0, warnings_ = 0, notes_ = 0;
};

/// Text of a file made safe and short enough for a message: control characters and broken UTF-8
/// become '?', and what is longer than `longest` bytes ends in "...".
std::string printable(std::string_view text, std::size_t longest = 60);

/// printable() in quotation marks.
std::string in_quotes(std::string_view text, std::size_t longest = 60);

}  // namespace predrill::harness
