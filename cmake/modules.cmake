# Builds one static library per folder of src/, linked to exactly what src/LAYERS allows.
# In a folder: *_test.cc are unit tests, *_prop_test.cc properties, *_sim_test.cc simulations,
# *_bench.cc benchmarks, *_fuzz.cc libFuzzer targets; everything else is the library.

function(sluice_modules)
  file(STRINGS ${CMAKE_SOURCE_DIR}/src/LAYERS lines REGEX "^[a-z]+ *:")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/LAYERS)
  foreach(line IN LISTS lines)
    string(REGEX MATCH "^[a-z]+" name "${line}")
    string(REGEX REPLACE "^[a-z]+ *: *" "" deps "${line}")
    separate_arguments(deps)
    if(EXISTS ${CMAKE_SOURCE_DIR}/src/${name})
      sluice_module(${name} "${deps}")
    endif()
  endforeach()
endfunction()

function(sluice_module name deps)
  set(dir ${CMAKE_SOURCE_DIR}/src/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cc)
  file(GLOB headers CONFIGURE_DEPENDS ${dir}/*.h)
  list(FILTER headers EXCLUDE REGEX "_test\\.h$")
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|bench|fuzz)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")

  if(NOT sources)
    set(sources ${CMAKE_SOURCE_DIR}/cmake/header_only.cc)
  endif()
  add_library(${name} STATIC ${sources})
  target_sources(${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${CMAKE_SOURCE_DIR}/src FILES ${headers})
  foreach(dep IN LISTS deps)
    if(TARGET ${dep})
      target_link_libraries(${name} PUBLIC ${dep})
    endif()
  endforeach()

  if(${name}_LIBRARIES)
    target_link_libraries(${name} PUBLIC ${${name}_LIBRARIES})
  endif()

  # Links the whole library against nothing but its dependencies: a hidden one fails here.
  add_executable(${name}_links ${CMAKE_SOURCE_DIR}/cmake/link_test.cc)
  target_link_libraries(${name}_links PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,${name}> Threads::Threads)

  if(tests)
    add_executable(${name}_tests ${tests})
    target_link_libraries(${name}_tests PRIVATE ${name} $<TARGET_NAME_IF_EXISTS:sim>
                          GTest::gtest_main rapidcheck rapidcheck_gtest Threads::Threads)
    gtest_discover_tests(${name}_tests WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
                         PROPERTIES LABELS ${name} DISCOVERY_TIMEOUT 60)
    add_dependencies(unit_tests ${name}_tests)
  endif()

  sluice_benches(${name})
  if(FUZZ)
    sluice_fuzzers(${name})
  endif()
endfunction()

# Each src/<folder>/<noun>_bench.cc is one target, <folder>_<noun>_bench, built when it is asked for;
# needs libbenchmark-dev.
function(sluice_benches name)
  find_package(benchmark QUIET)
  if(NOT benchmark_FOUND)
    return()
  endif()
  file(GLOB benches CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*_bench.cc)
  foreach(source IN LISTS benches)
    get_filename_component(noun ${source} NAME_WE)
    add_executable(${name}_${noun} EXCLUDE_FROM_ALL ${source})
    target_link_libraries(${name}_${noun} PRIVATE ${name} benchmark::benchmark)
  endforeach()
endfunction()

# Each src/<folder>/<noun>_fuzz.cc is one target, <folder>_<noun>_fuzz; its corpus is the folder
# tests/golden/fuzz/<target>/.
function(sluice_fuzzers name)
  file(GLOB fuzzers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*_fuzz.cc)
  foreach(source IN LISTS fuzzers)
    get_filename_component(noun ${source} NAME_WE)
    set(target ${name}_${noun})
    add_executable(${target} ${source})
    target_link_libraries(${target} PRIVATE ${name})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers ${target})
  endforeach()
endfunction()
