// The accessors of Value that turn text into quantities.
#include <charconv>
#include <cmath>
#include <numeric>

#include "harness/input/decimal.hpp"
#include "harness/input/reader.hpp"

namespace predrill::harness {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

constexpr std::uint64_t kib = 1024, mib = 1024 * kib, gib = 1024 * mib, tib = 1024 * gib;
constexpr std::uint64_t us = 1'000, ms = 1'000 * us, s = 1'000 * ms;

// guc.c: unit names are case sensitive, and kB is 1024 bytes.
constexpr std::array postgres_memory = {Unit{"B", 1}, Unit{"kB", kib}, Unit{"MB", mib},
                                        Unit{"GB", gib}, Unit{"TB", tib}};
constexpr std::array own_memory = {Unit{"B", 1},     Unit{"kB", kib},  Unit{"MB", mib},
                                   Unit{"GB", gib},  Unit{"TB", tib},  Unit{"KiB", kib},
                                   Unit{"MiB", mib}, Unit{"GiB", gib}, Unit{"TiB", tib}};
constexpr std::array postgres_time = {Unit{"us", us},       Unit{"ms", ms},
                                      Unit{"s", s},         Unit{"min", 60 * s},
                                      Unit{"h", 3'600 * s}, Unit{"d", 86'400 * s}};
constexpr std::array haproxy_units = {Unit{"us", us},       Unit{"ms", ms},
                                      Unit{"s", s},         Unit{"m", 60 * s},
                                      Unit{"h", 3'600 * s}, Unit{"d", 86'400 * s}};
// Kubernetes resource.Quantity, in thousandths.
constexpr std::array kubernetes_units = {Unit{"m", 1},           Unit{"", 1'000},
                                         Unit{"k", 1'000'000},   Unit{"M", 1'000 * ms},
                                         Unit{"G", 1'000 * s},   Unit{"T", 1'000'000 * s},
                                         Unit{"Ki", 1000 * kib}, Unit{"Mi", 1000 * mib},
                                         Unit{"Gi", 1000 * gib}, Unit{"Ti", 1000 * tib}};

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// "16 MB" = 16 and "MB". A unit begins at the first letter that is no exponent.
std::pair<std::string_view, std::string_view> split_unit(std::string_view text) {
  text = trimmed(text);
  std::size_t end = text.size();
  while (end > 0) {
    const char c = text[end - 1];
    if ((c >= '0' && c <= '9') || c == '.') break;
    --end;
  }
  return {trimmed(text.substr(0, end)), trimmed(text.substr(end))};
}

const Unit* find_unit(std::span<const Unit> units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

std::string unit_names(std::span<const Unit> units) {
  std::string out;
  for (const Unit& unit : units) {
    if (!unit.name.empty()) out += (out.empty() ? "" : ", ") + std::string(unit.name);
  }
  return out;
}

// Number and unit times each other; `base` is the unit of a bare number.
std::optional<Scaled> quantity(std::string_view text, std::span<const Unit> units,
                               std::uint64_t base) {
  const auto [number_text, unit_text] = split_unit(text);
  const std::optional<Decimal> number = parse_decimal(number_text);
  if (!number) return std::nullopt;
  if (unit_text.empty()) return scaled(*number, base);
  const Unit* unit = find_unit(units, unit_text);
  if (unit == nullptr) return std::nullopt;
  return scaled(*number, unit->size);
}

// To a multiple of `step`, half to even, as PostgreSQL rounds to the unit of a setting.
std::optional<std::int64_t> rounded(std::int64_t value, std::int64_t step) {
  constexpr std::int64_t max = std::numeric_limits<std::int64_t>::max();
  if (value > max - step || value < step - max) return std::nullopt;
  const std::int64_t rest = value % step;
  const std::int64_t towards_zero = value - rest;
  const std::int64_t size = rest < 0 ? -rest : rest;
  const bool away = size > step - size || (size == step - size && towards_zero / step % 2 != 0);
  return away ? towards_zero + (rest < 0 ? -step : step) : towards_zero;
}

bool is_beginning(std::string_view text, std::string_view word, std::size_t least) {
  if (text.size() < least || text.size() > word.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i] >= 'A' && text[i] <= 'Z' ? static_cast<char>(text[i] + 32) : text[i];
    if (c != word[i]) return false;
  }
  return true;
}

}  // namespace

const std::string* Value::scalar_text(std::string_view what) const {
  if (!exists()) return nullptr;
  const NodeKind kind = node_->kind;
  if (kind == NodeKind::text || kind == NodeKind::plain || kind == NodeKind::number) {
    return &node_->text;
  }
  expected(what);
  return nullptr;
}

std::optional<bool> Value::boolean() const {
  if (!exists()) return std::nullopt;
  if (node_->kind == NodeKind::boolean) return node_->text == "true";
  const std::string& word = node_->text;
  if (node_->kind == NodeKind::plain) {
    for (const std::string_view yes : {"true", "yes", "on", "1"}) {
      if (is_beginning(word, yes, yes.size())) return true;
    }
    for (const std::string_view no : {"false", "no", "off", "0"}) {
      if (is_beginning(word, no, no.size())) return false;
    }
  }
  if (node_->kind == NodeKind::text && (word == "true" || word == "false")) {
    error("found " + in_quotes(word) + " where true or false should stand",
          "write " + word + " without quotation marks");
  } else {
    expected("true or false");
  }
  return std::nullopt;
}

std::optional<std::int64_t> Value::integer(std::int64_t min, std::int64_t max) const {
  const std::string* text = scalar_text("an integer");
  if (text == nullptr) return std::nullopt;
  if (node_->kind == NodeKind::text) {
    const bool is_number = parse_decimal(*text).has_value();
    error("found " + in_quotes(*text) + " where an integer should stand",
          is_number ? "write " + printable(*text) + " without quotation marks" : "");
    return std::nullopt;
  }
  return integer_of(*text, min, max);
}

std::optional<std::int64_t> Value::quoted_integer(std::int64_t min, std::int64_t max) const {
  const std::string* text = scalar_text("an integer");
  return text == nullptr ? std::nullopt : integer_of(*text, min, max);
}

std::optional<std::int64_t> Value::integer_of(const std::string& text, std::int64_t min,
                                              std::int64_t max) const {
  const std::optional<Decimal> number = parse_decimal(text);
  const std::optional<Scaled> value = number ? scaled(*number, 1) : std::nullopt;
  const bool is_number = number || (text.find_first_not_of("+-0123456789") == std::string::npos &&
                                    text.find_first_of("0123456789") != std::string::npos);
  if (!is_number || (value && !value->exact)) {
    error("found " + in_quotes(text) + " where an integer should stand");
    return std::nullopt;
  }
  if (value && value->value >= min && value->value <= max) return value->value;
  std::string hint = "it must be ";
  if (max == std::numeric_limits<std::int64_t>::max()) {
    hint += "at least " + std::to_string(min);
  } else if (min == std::numeric_limits<std::int64_t>::min()) {
    hint += "at most " + std::to_string(max);
  } else {
    hint += "between " + std::to_string(min) + " and " + std::to_string(max);
  }
  error(printable(text) + " is out of range", hint);
  return std::nullopt;
}

std::optional<double> Value::number(double min, double max) const {
  const std::string* text = scalar_text("a number");
  if (text == nullptr) return std::nullopt;
  double value = 0;
  const char* end = text->data() + text->size();
  const auto [stop, problem] = std::from_chars(text->data(), end, value);
  if (problem == std::errc::result_out_of_range) {
    error(printable(*text) + " is out of range");
    return std::nullopt;
  }
  if (problem != std::errc() || stop != end || node_->kind == NodeKind::text ||
      !std::isfinite(value)) {
    expected("a number");
    return std::nullopt;
  }
  if (value >= min && value <= max) return value;
  const auto shown = [](double bound) {
    std::array<char, 32> buffer{};
    return std::string(buffer.data(),
                       std::to_chars(buffer.data(), buffer.data() + buffer.size(), bound).ptr);
  };
  std::string hint = "it must be ";
  if (max == std::numeric_limits<double>::max()) {
    hint += "at least " + shown(min);
  } else if (min == std::numeric_limits<double>::lowest()) {
    hint += "at most " + shown(max);
  } else {
    hint += "between " + shown(min) + " and " + shown(max);
  }
  error(printable(*text) + " is out of range", hint);
  return std::nullopt;
}

std::optional<Ratio> Value::ratio(std::uint64_t max) const {
  const std::string* text = scalar_text("a ratio such as \"3%\" or \"3/100\"");
  if (text == nullptr) return std::nullopt;
  constexpr std::uint64_t parts = 1'000'000'000'000;  // decimals are kept to 10^-12
  std::string_view word = *text;
  const std::size_t slash = word.find('/');
  std::optional<Scaled> above, below = Scaled{parts, true};
  if (slash != std::string_view::npos) {
    const std::optional<Decimal> a = parse_decimal(word.substr(0, slash));
    const std::optional<Decimal> b = parse_decimal(word.substr(slash + 1));
    above = a ? scaled(*a, 1) : std::nullopt;
    below = b ? scaled(*b, 1) : std::nullopt;
  } else {
    const bool percent = word.ends_with('%');
    if (percent) word.remove_suffix(1);
    const std::optional<Decimal> number = parse_decimal(word);
    above = number ? scaled(*number, percent ? parts / 100 : parts) : std::nullopt;
  }
  if (!above || !below || !above->exact || !below->exact || below->value <= 0) {
    error("found " + in_quotes(*text) + " where a ratio should stand",
          "write \"3%\", \"3/100\" or 0.03");
    return std::nullopt;
  }
  const auto numerator = static_cast<std::uint64_t>(above->value);
  const auto denominator = static_cast<std::uint64_t>(below->value);
  if (above->value < 0 || numerator / denominator > max ||
      (numerator / denominator == max && numerator % denominator != 0)) {
    error(printable(*text) + " is out of range", "it must be between 0 and " + std::to_string(max));
    return std::nullopt;
  }
  const std::uint64_t common = std::gcd(numerator, denominator);
  return Ratio{numerator / common, denominator / common};
}

std::optional<sim::Duration> Value::duration(sim::Duration min, sim::Duration max) const {
  const std::string* text = scalar_text("a duration such as \"10s\"");
  if (text == nullptr) return std::nullopt;
  std::string problem;
  const std::optional<sim::Duration> value = sim::parse_duration(*text, &problem);
  if (!value) {
    error(problem);
    return std::nullopt;
  }
  if (*value >= min && *value <= max) return value;
  std::string hint = max == sim::forever ? "it must be at least " + sim::to_exact_text(min)
                                         : "it must be between " + sim::to_exact_text(min) +
                                               " and " + sim::to_exact_text(max);
  error(in_quotes(*text) + " is out of range", hint);
  return std::nullopt;
}

std::optional<std::uint64_t> Value::bytes() const {
  const std::string* text = scalar_text("a size such as \"16MB\"");
  if (text == nullptr) return std::nullopt;
  const std::optional<Scaled> value = quantity(*text, own_memory, 0);
  if (parse_decimal(*text)) {
    error(printable(*text) + " has no unit", "write \"" + printable(*text) + "B\" for bytes or \"" +
                                                 printable(*text) + "MB\" for megabytes");
  } else if (!value || value->value < 0) {
    error("found " + in_quotes(*text) + " where a size should stand",
          "write a number and one of " + unit_names(own_memory));
  } else if (!value->exact) {
    error(in_quotes(*text) + " is not a whole number of bytes");
  } else {
    return static_cast<std::uint64_t>(value->value);
  }
  return std::nullopt;
}

std::optional<sim::Duration> Value::postgres_duration(sim::Duration base) const {
  const std::string* text = scalar_text("a time");
  if (text == nullptr) return std::nullopt;
  const auto read = quantity(*text, postgres_time, static_cast<std::uint64_t>(base.count()));
  const auto value = read ? rounded(read->value, base.count()) : std::nullopt;
  if (!value) {
    error("found " + in_quotes(*text) + " where a time should stand",
          "write a number in units of " + sim::to_exact_text(base) + " or with one of " +
              unit_names(postgres_time));
    return std::nullopt;
  }
  return sim::Duration{*value};
}

std::optional<sim::Duration> Value::patroni_seconds() const {
  return postgres_duration(std::chrono::seconds(1));
}

std::optional<sim::Duration> Value::pgbouncer_seconds() const {
  const std::string* text = scalar_text("a number of seconds");
  if (text == nullptr) return std::nullopt;
  const std::optional<Decimal> number = parse_decimal(trimmed(*text));
  const std::optional<Scaled> value = number ? scaled(*number, s) : std::nullopt;
  if (!value || value->value < 0) {
    error("found " + in_quotes(*text) + " where a number of seconds should stand",
          "PgBouncer knows no units here");
    return std::nullopt;
  }
  const auto step = static_cast<std::int64_t>(us);
  return sim::Duration{(value->value - (value->away ? 1 : 0)) / step * step};
}

std::optional<sim::Duration> Value::haproxy_time(sim::Duration base) const {
  const std::string* text = scalar_text("a time");
  if (text == nullptr) return std::nullopt;
  const auto value = quantity(*text, haproxy_units, static_cast<std::uint64_t>(base.count()));
  const bool is_integer = !text->empty() && (*text)[0] >= '0' && (*text)[0] <= '9' &&
                          text->find_first_of(". \t") == std::string::npos;
  if (value && value->exact && is_integer) return sim::Duration{value->value};
  error("found " + in_quotes(*text) + " where a time should stand",
        "write an integer, alone for units of " + sim::to_exact_text(base) + " or with one of " +
            unit_names(haproxy_units));
  return std::nullopt;
}

std::optional<std::uint64_t> Value::postgres_bytes(std::uint64_t base_bytes) const {
  const std::string* text = scalar_text("a size");
  if (text == nullptr) return std::nullopt;
  const auto read = quantity(*text, postgres_memory, base_bytes);
  const auto value =
      read ? rounded(read->value, static_cast<std::int64_t>(base_bytes)) : std::nullopt;
  if (value && *value >= 0) return static_cast<std::uint64_t>(*value);
  error("found " + in_quotes(*text) + " where a size should stand",
        "write a number in units of " + std::to_string(base_bytes) + " bytes or with one of " +
            unit_names(postgres_memory));
  return std::nullopt;
}

std::optional<bool> Value::postgres_boolean() const {
  if (!exists()) return std::nullopt;
  const std::string& word = node_->text;
  if (node_->is_scalar()) {
    if (is_beginning(word, "true", 1) || is_beginning(word, "yes", 1) ||
        is_beginning(word, "on", 2) || word == "1") {
      return true;
    }
    if (is_beginning(word, "false", 1) || is_beginning(word, "no", 1) ||
        is_beginning(word, "off", 2) || word == "0") {
      return false;
    }
  }
  expected("on or off");
  return std::nullopt;
}

std::optional<std::uint64_t> Value::kubernetes_thousandths() const {
  const std::string* text = scalar_text("a quantity such as \"500Gi\"");
  if (text == nullptr) return std::nullopt;
  const auto [number_text, unit_text] = split_unit(*text);
  const std::optional<Decimal> number = parse_decimal(number_text);
  const Unit* unit = find_unit(kubernetes_units, unit_text);
  std::optional<Scaled> value;
  if (number && !number->negative && unit != nullptr) value = scaled(*number, unit->size);
  if (!value) {
    error("found " + in_quotes(*text) + " where a quantity should stand",
          "write a number and one of " + unit_names(kubernetes_units));
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(value->value) + (value->exact || value->away ? 0 : 1);
}

std::optional<std::uint64_t> Value::kubernetes_bytes() const {
  const std::optional<std::uint64_t> value = kubernetes_thousandths();
  if (!value) return std::nullopt;
  return *value / 1'000 + (*value % 1'000 == 0 ? 0 : 1);
}

}  // namespace predrill::harness
