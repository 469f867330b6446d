# The libraries that Athanor stands on. tools/install_deps installs them; README names the packages.

find_package(PkgConfig REQUIRED)
add_library(athanor_dependencies INTERFACE)

pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(SPNG REQUIRED IMPORTED_TARGET spng)
set(athanor_pc_requires "yaml-0.1 jansson zlib spng")
target_link_libraries(athanor_dependencies INTERFACE PkgConfig::YAML PkgConfig::JANSSON PkgConfig::ZLIB PkgConfig::SPNG m
                                                     ${CMAKE_DL_LIBS})

# Loaded when they are first used (base/lazy.h): their headers alone are needed here.
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(CAIRO REQUIRED IMPORTED_TARGET cairo)
pkg_check_modules(PANGOCAIRO REQUIRED IMPORTED_TARGET pangocairo)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp)
find_path(GIF_INCLUDE gif_lib.h REQUIRED)
target_include_directories(
    athanor_dependencies SYSTEM INTERFACE ${CURL_INCLUDE_DIRS} ${ARCHIVE_INCLUDE_DIRS} ${CAIRO_INCLUDE_DIRS}
                                          ${PANGOCAIRO_INCLUDE_DIRS} ${LIBZIP_INCLUDE_DIRS} ${JPEG_INCLUDE_DIRS}
                                          ${WEBP_INCLUDE_DIRS} ${GIF_INCLUDE})

# Generated protobuf code is compiled when there are descriptions to generate it from.
file(GLOB athanor_protos CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/proto/*.proto")
if(athanor_protos)
    pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
    target_link_libraries(athanor_dependencies INTERFACE PkgConfig::PROTOBUF_C)
    string(APPEND athanor_pc_requires " libprotobuf-c")
    find_program(PROTOC_C protoc-c REQUIRED)
endif()

# oneDNN 2.6 to 3.x, by header and library; by its own package file only where it lies outside the usual folders, because
# some distributions' package files insist on OpenCL headers that nothing here includes.
find_path(DNNL_INCLUDE_DIR NAMES oneapi/dnnl/dnnl.h)
find_library(DNNL_LIBRARY NAMES dnnl)
if(DNNL_INCLUDE_DIR AND DNNL_LIBRARY)
    target_include_directories(athanor_dependencies SYSTEM INTERFACE "${DNNL_INCLUDE_DIR}")
    target_link_libraries(athanor_dependencies INTERFACE "${DNNL_LIBRARY}")
else()
    find_package(dnnl CONFIG QUIET)
    if(NOT TARGET DNNL::dnnl)
        message(FATAL_ERROR "oneDNN was not found: install it (Debian, Ubuntu: libdnnl-dev; Fedora: onednn-devel), "
                            "or give -DCMAKE_PREFIX_PATH=<where it is>")
    endif()
    target_link_libraries(athanor_dependencies INTERFACE DNNL::dnnl)
endif()
