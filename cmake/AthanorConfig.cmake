# generated/athanor_config.h: the version, how the library was built, and where it looks for recipes.

set(ATHANOR_REVISION "")
find_package(Git QUIET)
if(Git_FOUND)
    execute_process(COMMAND "${GIT_EXECUTABLE}" -C "${PROJECT_SOURCE_DIR}" describe --always --dirty
                    OUTPUT_VARIABLE ATHANOR_REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
configure_file("${PROJECT_SOURCE_DIR}/cmake/athanor_config.h.in" "${ATHANOR_GENERATED}/athanor_config.h" @ONLY)
