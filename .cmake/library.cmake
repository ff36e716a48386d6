# predrill_library(sim ...) makes the library of one folder: predrill_sim, predrill::sim. Every .cpp
# of the folder is part of it and every .hpp is installed; there is no list to keep. It is linked
# publicly to the targets named after it.
#
# A header-only library used inside .cpp files is linked as $<BUILD_INTERFACE:...>, so that users of
# the installed package need not have it; any other one is also looked for in predrillConfig.cmake.
#
# UNITY: no two files of the folder give one name to things of their own, so that ten of them can be
# compiled as one where PREDRILL_UNITY is on.
function(predrill_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "RECURSE;UNITY" "EXPORT" "LINK;EXCLUDE")
  set(glob GLOB)
  if(arg_RECURSE)
    set(glob GLOB_RECURSE)
  endif()
  file(${glob} sources CONFIGURE_DEPENDS *.cpp)
  file(${glob} headers CONFIGURE_DEPENDS *.hpp)
  foreach(pattern IN LISTS arg_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${pattern}")
  endforeach()
  set(target predrill_${name})
  set(scope PUBLIC)
  if(sources)
    add_library(${target} STATIC ${sources})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(predrill::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  if(PREDRILL_UNITY AND arg_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 10)
    # A .cpp that is included counts as a header to g++, whose types may not be anonymous.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
  target_sources(${target} ${scope} FILE_SET HEADERS
    BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
  target_compile_features(${target} ${scope} cxx_std_20)
  # A fused multiply-add rounds once where the written arithmetic rounds twice: contraction would
  # change the bits of a run. Public, because headers compute too.
  target_compile_options(${target} ${scope} -ffp-contract=off)
  target_link_libraries(${target} ${scope} $<BUILD_INTERFACE:predrill_options> ${arg_LINK})
  install(TARGETS ${target} EXPORT ${arg_EXPORT}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    FILE_SET HEADERS DESTINATION ${PREDRILL_INCLUDE_DIR})
endfunction()
