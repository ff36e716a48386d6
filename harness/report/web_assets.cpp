#include "harness/report/web_assets.hpp"

// A megabyte as a string literal takes a compiler half a minute; the assembler takes no time.
#define PREDRILL_FILE(name, path)              \
  __asm__(                                     \
      ".pushsection .rodata\n"                 \
      ".global predrill_asset_" #name          \
      "\n"                                     \
      ".global predrill_asset_end_" #name      \
      "\n"                                     \
      "predrill_asset_" #name                  \
      ":\n"                                    \
      ".incbin \"" path                        \
      "\"\n"                                   \
      "predrill_asset_end_" #name              \
      ":\n"                                    \
      ".byte 0\n"                              \
      ".popsection\n");                        \
  extern "C" {                                 \
  extern const char predrill_asset_##name;     \
  extern const char predrill_asset_end_##name; \
  }

PREDRILL_FILE(page_html, PREDRILL_WEB "/page.html")
PREDRILL_FILE(page_css, PREDRILL_WEB "/page.css")
PREDRILL_FILE(page_js, PREDRILL_WEB "/page.js")
#ifdef PREDRILL_ECHARTS
PREDRILL_FILE(echarts, PREDRILL_ECHARTS)
#endif

namespace predrill::harness {

namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

std::string_view page_html() {
  return between(&predrill_asset_page_html, &predrill_asset_end_page_html);
}

std::string_view page_css() {
  return between(&predrill_asset_page_css, &predrill_asset_end_page_css);
}

std::string_view page_js() {
  return between(&predrill_asset_page_js, &predrill_asset_end_page_js);
}

std::string_view chart_library() {
#ifdef PREDRILL_ECHARTS
  return between(&predrill_asset_echarts, &predrill_asset_end_echarts);
#else
  return {};
#endif
}

}  // namespace predrill::harness
