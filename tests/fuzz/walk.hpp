// What every parser target does with its input: parse it, check the promises of the tree, read
// every value in every way, and print the problems.
#pragma once

#include <cstdint>
#include <string_view>

#include "harness/input/document.hpp"

namespace predrill::fuzz {

/// Ends the process if a promise of harness/input is broken.
void parse_and_read(std::string_view text, harness::Format);

/// Reads every value of a tree in every way.
void read_everything(const harness::Node&, harness::Diagnostics&);

/// The bytes that libFuzzer hands over.
std::string_view as_text(const std::uint8_t* data, std::size_t size);

/// Ends the process, visibly for libFuzzer.
void require(bool promise);

}  // namespace predrill::fuzz
