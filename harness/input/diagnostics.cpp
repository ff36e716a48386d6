#include "harness/input/diagnostics.hpp"

#include <algorithm>
#include <tuple>

#include "harness/input/utf8.hpp"

namespace predrill::harness {
namespace {

const char* name(Severity severity) {
  switch (severity) {
    case Severity::error:
      return "error";
    case Severity::warning:
      return "warning";
    case Severity::note:
      return "note";
  }
  return "";
}

std::string_view file_of(const Diagnostic& d) {
  return d.place.file == nullptr ? std::string_view() : std::string_view(*d.place.file);
}

bool earlier(const Diagnostic& a, const Diagnostic& b) {
  return std::tuple(file_of(a), a.place.line, a.place.column) <
         std::tuple(file_of(b), b.place.line, b.place.column);
}

}  // namespace

std::string Place::text() const {
  std::string out = file == nullptr ? "" : *file;
  if (line == 0) return out;
  return out + ":" + std::to_string(line) + ":" + std::to_string(column);
}

bool Place::from_command_line() const {
  return line == 0 && file != nullptr && file->starts_with("--set ");
}

std::string Diagnostic::text() const {
  std::string out = place.text();
  if (!out.empty()) out += ": ";
  out += std::string(name(severity)) + ": ";
  if (!path.empty()) out += path + ": ";
  out += message;
  if (!hint.empty()) out += "; " + hint;
  return out;
}

void Diagnostics::add(Diagnostic diagnostic) {
  switch (diagnostic.severity) {
    case Severity::error:
      ++errors_;
      break;
    case Severity::warning:
      ++warnings_;
      break;
    case Severity::note:
      ++notes_;
      break;
  }
  auto& kept = diagnostic.severity == Severity::error ? kept_errors_ : kept_others_;
  if (kept.size() < kept_max) kept.push_back(std::move(diagnostic));
}

void Diagnostics::error(const Place& place, std::string path, std::string message,
                        std::string hint) {
  add({Severity::error, place, std::move(path), std::move(message), std::move(hint)});
}

void Diagnostics::warning(const Place& place, std::string path, std::string message,
                          std::string hint) {
  add({Severity::warning, place, std::move(path), std::move(message), std::move(hint)});
}

void Diagnostics::note(const Place& place, std::string path, std::string message,
                       std::string hint) {
  add({Severity::note, place, std::move(path), std::move(message), std::move(hint)});
}

void Diagnostics::merge(const Diagnostics& other) {
  const auto take = [](std::vector<Diagnostic>& to, const std::vector<Diagnostic>& from) {
    const auto taken = static_cast<std::ptrdiff_t>(std::min(kept_max - to.size(), from.size()));
    to.insert(to.end(), from.begin(), from.begin() + taken);
  };
  take(kept_errors_, other.kept_errors_);
  take(kept_others_, other.kept_others_);
  errors_ += other.errors_;
  warnings_ += other.warnings_;
  notes_ += other.notes_;
}

std::vector<Diagnostic> Diagnostics::sorted(std::size_t count) const {
  std::vector<Diagnostic> out = kept_errors_;
  out.insert(out.end(), kept_others_.begin(), kept_others_.end());
  std::stable_sort(out.begin(), out.end(), earlier);
  if (out.size() <= count) return out;
  // Warnings must not push errors out of the list.
  std::stable_partition(out.begin(), out.end(),
                        [](const Diagnostic& d) { return d.severity == Severity::error; });
  out.resize(count);
  std::stable_sort(out.begin(), out.end(), earlier);
  return out;
}

std::string Diagnostics::text(std::size_t printed_max) const {
  std::string out;
  const std::vector<Diagnostic> printed = sorted(printed_max);
  for (const Diagnostic& diagnostic : printed) out += diagnostic.text() + "\n";
  const std::size_t rest = errors_ + warnings_ + notes_ - printed.size();
  if (rest > 0) out += "... and " + std::to_string(rest) + " more\n";
  return out;
}

std::string printable(std::string_view text, std::size_t longest) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = utf8_length(text.substr(at));
    if (out.size() + std::max<std::size_t>(length, 1) > longest) return out + "...";
    const auto byte = static_cast<unsigned char>(text[at]);
    if (length == 0 || byte < 0x20 || byte == 0x7f) {
      out += '?';
    } else {
      out += text.substr(at, length);
    }
    at += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::string in_quotes(std::string_view text, std::size_t longest) {
  return "\"" + printable(text, longest) + "\"";
}

}  // namespace predrill::harness
