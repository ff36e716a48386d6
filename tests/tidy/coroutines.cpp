// g++ 12 miscompiles awaits in conditions and temporaries with destructors in awaiting expressions;
// a result that is stored in a named variable first is safe with every compiler.
#include <algorithm>
#include <array>

#include "tests/tidy/rules.hpp"

namespace predrill::tidy {
namespace {

constexpr auto npos = std::string::npos;
constexpr const char* name_it = "store the result of co_await in a named variable first";

// Positions of co_await and co_yield.
std::vector<std::size_t> awaits(const Source& source) {
  std::vector<std::size_t> result;
  if (!is_cpp(source)) return result;
  for (const char* word : {"co_await", "co_yield"}) {
    auto at = find_word(source.code, word);
    for (; at != npos; at = find_word(source.code, word, at + 1)) {
      // "operator co_await" is a declaration.
      if (word_before(source.code, at) != "operator") result.push_back(at);
    }
  }
  std::ranges::sort(result);
  return result;
}

template <class Words>
bool is_one_of(std::string_view word, const Words& words) {
  return std::ranges::find(words, word) != std::end(words);
}

constexpr std::array<std::string_view, 5> conditions = {"if", "constexpr", "while", "switch",
                                                        "for"};

// A { that opens a block rather than a list of values: there is a statement in it.
bool is_block(const std::string& code, std::size_t open) {
  if (code[open] != '{') return false;
  const auto close = matching(code, open);
  return code.substr(open, close - open).find(';') != npos;
}

// Calls visit(open) for the brackets around the position, from the inside, up to the statement.
template <class Visit>
void up_to_statement(const std::string& code, std::size_t position, Visit visit) {
  for (auto open = enclosing(code, position); open != npos && !is_block(code, open);
       open = enclosing(code, open)) {
    visit(open);
  }
}

bool is_logical_operator(const std::string& code, std::size_t at) {
  if (code[at] == '?') return true;
  // "T&& x" is a reference; an operator has a blank on either side (.clang-format).
  const bool spaced = at > 0 && (code[at - 1] == ' ' || code[at - 1] == '\n');
  return spaced && (code.compare(at, 2, "&&") == 0 || code.compare(at, 2, "||") == 0);
}

// Is there a ?, && or || between the brackets (or ends of the statement) around the position,
// outside of further brackets? Such an operator has the position as a part of an operand.
bool beside_operator(const std::string& code, std::size_t position) {
  for (auto i = position; i-- > 0;) {
    if (code[i] == ')' || code[i] == ']' || code[i] == '}') {
      const auto open = enclosing(code, i);
      if (open == npos || is_block(code, open)) break;
      i = open;
    } else if (code[i] == ';' || code[i] == '(' || code[i] == '[' || code[i] == '{') {
      break;
    } else if (is_logical_operator(code, i)) {
      return true;
    }
  }
  for (auto i = position; i < code.size(); ++i) {
    if (code[i] == '(' || code[i] == '[' || code[i] == '{') {
      i = matching(code, i);
      if (i == npos) break;
    } else if (code[i] == ';' || code[i] == ')' || code[i] == ']' || code[i] == '}') {
      break;
    } else if (is_logical_operator(code, i)) {
      return true;
    }
  }
  return false;
}

// Is the bracket the start of a lambda? Gives the position of its body, or npos.
std::size_t lambda_body(const std::string& code, std::size_t open) {
  const auto before = code.find_last_not_of(" \n", open == 0 ? 0 : open - 1);
  if (open > 0 && before != npos && before < open) {
    const auto word = word_before(code, open);
    static constexpr std::array<std::string_view, 4> may_precede = {"return", "co_return",
                                                                    "co_await", "co_yield"};
    if (!word.empty() && !is_one_of(word, may_precede)) return npos;  // a subscript
    if (code[before] == ')' || code[before] == ']' || code[before] == '[') return npos;
  }
  auto at = matching(code, open);
  const auto next = at == npos ? npos : code.find_first_not_of(" \n", at + 1);
  if (next == npos || code[open + 1] == '[' || std::string_view("({<").find(code[next]) == npos) {
    return npos;  // an attribute, a structured binding
  }
  while (at != npos) {
    at = code.find_first_not_of(" \n", at + 1);
    if (at == npos || code[at] == '{') return at;
    if (code[at] == '(') {
      at = matching(code, at);  // parameters
    } else if (std::string_view(";=,)]}[").find(code[at]) != npos) {
      return npos;
    }
  }
  return npos;
}

// The end of "<...>" that starts at the position.
std::size_t end_of_template(const std::string& code, std::size_t at) {
  int depth = 0;
  for (; at < code.size(); ++at) {
    if (code[at] == '<') ++depth;
    if (code[at] == '>' && --depth == 0) return at + 1;
    if (code[at] == ';') break;
  }
  return npos;
}

// What outlives every process of a run, so that a process may refer to it.
constexpr std::array<std::string_view, 2> outlive_a_run = {"Simulation", "Network"};

// The parameters of a function: cut at the commas outside of further brackets.
std::vector<std::string_view> split(std::string_view parameters) {
  std::vector<std::string_view> result;
  std::size_t start = 0;
  int depth = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (std::string_view("(<[{").find(parameters[i]) != npos) ++depth;
    if (std::string_view(")>]}").find(parameters[i]) != npos) --depth;
    if (parameters[i] == ',' && depth == 0) {
      result.push_back(parameters.substr(start, i - start));
      start = i + 1;
    }
  }
  result.push_back(parameters.substr(start));
  return result;
}

// May the parameter refer to what is gone before the coroutine ends?
bool dies_first(std::string_view parameter) {
  if (parameter.find("&&") != npos) return true;
  const bool outlives = std::ranges::any_of(
      outlive_a_run, [&](std::string_view word) { return find_word(parameter, word) != npos; });
  return !outlives && find_word(parameter, "const") != npos && parameter.find('&') != npos;
}

}  // namespace

Findings no_await_in_condition(const Source& source) {
  Findings findings;
  for (const auto at : awaits(source)) {
    bool found = false;
    up_to_statement(source.code, at, [&](std::size_t open) {
      const auto word = word_before(source.code, open);
      found = found || (source.code[open] == '(' && is_one_of(word, conditions));
    });
    if (found) findings.push_back({line_of(source, at), std::string("in a condition: ") + name_it});
  }
  return findings;
}

Findings no_await_in_operator(const Source& source) {
  Findings findings;
  for (const auto at : awaits(source)) {
    bool found = beside_operator(source.code, at);
    up_to_statement(source.code, at,
                    [&](std::size_t open) { found = found || beside_operator(source.code, open); });
    if (found) {
      findings.push_back({line_of(source, at), std::string("within ?:, && or ||: ") + name_it});
    }
  }
  return findings;
}

Findings no_await_as_argument(const Source& source) {
  static constexpr std::array<std::string_view, 4> not_calls = {"return", "co_return", "co_await",
                                                                "co_yield"};
  Findings findings;
  const auto& code = source.code;
  for (const auto at : awaits(source)) {
    bool found = false;
    up_to_statement(code, at, [&](std::size_t open) {
      const auto word = word_before(code, open);
      if (is_one_of(word, conditions)) return;
      const auto before = code.find_last_not_of(" \n", open == 0 ? 0 : open - 1);
      const bool after_name = !word.empty() && !is_one_of(word, not_calls);
      const bool after_bracket =
          before != npos && (code[before] == '>' || code[before] == ')' || code[before] == ']');
      found = found || code[open] != '(' || after_name || after_bracket;
    });
    if (found) findings.push_back({line_of(source, at), std::string("an argument: ") + name_it});
  }
  return findings;
}

Findings no_coroutine_lambda(const Source& source) {
  Findings findings;
  if (!is_cpp(source)) return findings;
  const auto& code = source.code;
  for (auto open = code.find('['); open != npos; open = code.find('[', open + 1)) {
    const auto body = lambda_body(code, open);
    if (body == npos) continue;
    const auto text = std::string_view(code).substr(body, matching(code, body) - body);
    for (const char* word : {"co_await", "co_return", "co_yield"}) {
      if (find_word(text, word) == npos) continue;
      findings.push_back(
          {line_of(source, open),
           "a coroutine lambda: its captures die before it does; make it a function"});
      break;
    }
  }
  return findings;
}

Findings no_reference_parameter(const Source& source) {
  Findings findings;
  if (!is_cpp(source)) return findings;
  const auto& code = source.code;
  for (const std::string_view type : {"Task", "Process"}) {
    for (auto at = find_word(code, type); at != npos; at = find_word(code, type, at + 1)) {
      auto end = at + type.size();
      if (end < code.size() && code[end] == '<') end = end_of_template(code, end);
      // A function: the type, a blank, a name, parameters.
      if (end == npos || end >= code.size() || (code[end] != ' ' && code[end] != '\n')) continue;
      const auto name = code.find_first_not_of(" \n", end);
      if (name == npos) continue;
      auto open = name;
      while (open < code.size() && (is_word(code[open]) || code[open] == ':')) ++open;
      if (open == name || open >= code.size() || code[open] != '(') continue;
      const auto close = matching(code, open);
      if (close == npos) continue;
      const auto parameters = std::string_view(code).substr(open + 1, close - open - 1);
      if (std::ranges::any_of(split(parameters), dies_first)) {
        findings.push_back({line_of(source, at),
                            "a coroutine's parameter by const& or && dies before it: by value"});
      }
    }
  }
  return findings;
}

}  // namespace predrill::tidy
