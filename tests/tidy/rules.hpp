// The style rules that a program can check. Each is a function from a file to what is wrong with
// it; a rule says nothing about files that it does not speak of.
#pragma once

#include "tests/tidy/source.hpp"

namespace predrill::tidy {

// words.cpp: what may be included and named where.
Findings include_law(const Source&);            // harness -> models -> sim, from the root
Findings no_foreign_headers(const Source&);     // third-party headers in .cpp files only
Findings no_unstable_order(const Source&);      // hash-map order, addresses as keys
Findings no_foreign_randomness(const Source&);  // std:: engines, distributions, shuffle
Findings one_draw_a_statement(const Source&);   // the compiler would choose their order
Findings no_outside_world(const Source&);       // clocks, environment
Findings no_libm(const Source&);                // functions whose last bit depends on the machine
Findings no_threads(const Source&);             // one run is single-threaded
Findings no_exceptions(const Source&);          // failures are values

// coroutines.cpp: what g++ 12 miscompiles, and what dangles.
Findings no_await_in_condition(const Source&);  // if, while, switch, for
Findings no_await_in_operator(const Source&);   // ?: && ||
Findings no_await_as_argument(const Source&);   // f(co_await x), T{co_await x}, a[co_await x]
Findings no_coroutine_lambda(const Source&);
Findings no_reference_parameter(const Source&);  // const& and && of coroutines

// form.cpp: how files look.
Findings width(const Source&);  // 100 columns
Findings size(const Source&);   // 800 lines
Findings header_start(const Source&);
Findings no_leftovers(const Source&);      // unfinished marks
Findings no_machine_paths(const Source&);  // somebody's folders

// Two types of one name in one program: the linker keeps the functions of one of them for both, and
// no compiler says so. The types of a file's own, in a namespace without a name, do not count.
std::vector<std::string> types_defined_twice(const std::vector<Source>&);

}  // namespace predrill::tidy
