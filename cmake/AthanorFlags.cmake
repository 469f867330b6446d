# Compiler flags: warnings, sanitizers, OpenMP, and the instruction set of each vector kernel.
#
# Everything is compiled for the plain baseline of the architecture except src/cpu/simd/*_<isa>.c: code that a machine
# may not be able to run must stay inside files that are entered only after a look at the processor.

include(CheckCCompilerFlag)
find_package(Threads REQUIRED)

add_library(athanor_flags INTERFACE)
add_library(athanor_link_flags INTERFACE)
target_compile_definitions(athanor_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
target_compile_options(athanor_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes
                                               -fvisibility=hidden -fno-math-errno)
if(ATHANOR_WERROR)
    target_compile_options(athanor_flags INTERFACE -Werror)
endif()
target_link_libraries(athanor_link_flags INTERFACE Threads::Threads)

if(ATHANOR_SANITIZE)
    set(athanor_sanitize "${ATHANOR_SANITIZE}")
elseif(ATHANOR_FUZZ)
    set(athanor_sanitize "address,undefined")
endif()
if(athanor_sanitize)
    target_compile_definitions(athanor_flags INTERFACE ATHANOR_INSTRUMENTED)
    target_compile_options(athanor_flags INTERFACE -fsanitize=${athanor_sanitize} -fno-sanitize-recover=all
                                                   -fno-omit-frame-pointer -g)
    target_link_options(athanor_link_flags INTERFACE -fsanitize=${athanor_sanitize})
endif()
if(ATHANOR_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "ATHANOR_FUZZ needs clang: configure with -DCMAKE_C_COMPILER=clang")
    endif()
    target_compile_options(athanor_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# ThreadSanitizer cannot see the synchronisation inside an OpenMP runtime; base/parallel.c then runs its loops on
# POSIX threads.
if(NOT athanor_sanitize MATCHES "thread")
    find_package(OpenMP REQUIRED COMPONENTS C)
    target_link_libraries(athanor_link_flags INTERFACE OpenMP::OpenMP_C)
endif()

# Sets the flags of one layer's files; takes out of the list those that this architecture cannot compile.
function(athanor_layer_flags layer list_name)
    set(kept)
    foreach(source IN LISTS ${list_name})
        get_filename_component(name "${source}" NAME_WE)
        set(flags)
        set(keep TRUE)
        if(layer MATCHES "^cpu")
            # Contraction to fused multiply-adds is welcome inside kernels, whose tests allow for it.
            list(APPEND flags "$<$<NOT:$<CONFIG:Debug>>:-O3>" -ffp-contract=fast)
        else()
            list(APPEND flags -ffp-contract=off)
        endif()
        if(layer STREQUAL "cpu/simd" AND name MATCHES "_(avx2|avx512|avx512bf16)$")
            set(isa ${CMAKE_MATCH_1})
            if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
                set(keep FALSE)
            elseif(isa STREQUAL "avx2")
                list(APPEND flags -mavx2 -mfma -mf16c)
            else()
                list(APPEND flags -mavx2 -mfma -mf16c -mavx512f -mavx512bw -mavx512vl -mavx512dq)
                if(isa STREQUAL "avx512bf16")
                    list(APPEND flags -mavx512bf16)
                endif()
            endif()
        endif()
        if(keep)
            list(APPEND kept "${source}")
            set_source_files_properties("${source}" PROPERTIES COMPILE_OPTIONS "${flags}")
        endif()
    endforeach()
    # base/parallel.c alone speaks OpenMP.
    if(layer STREQUAL "base" AND TARGET OpenMP::OpenMP_C)
        set_property(SOURCE "${PROJECT_SOURCE_DIR}/src/base/parallel.c" APPEND PROPERTY COMPILE_OPTIONS
                                                                               ${OpenMP_C_FLAGS})
    endif()
    set(${list_name} "${kept}" PARENT_SCOPE)
endfunction()
