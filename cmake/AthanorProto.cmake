# proto/NAME.proto -> generated/NAME.pb-c.[ch], compiled without the warnings that the project's own code is held to.

set(ATHANOR_PROTO_OBJECTS)
if(athanor_protos)
    set(proto_sources)
    foreach(proto IN LISTS athanor_protos)
        get_filename_component(name "${proto}" NAME_WE)
        set(outputs "${ATHANOR_GENERATED}/${name}.pb-c.c" "${ATHANOR_GENERATED}/${name}.pb-c.h")
        add_custom_command(OUTPUT ${outputs}
                           COMMAND "${PROTOC_C}" "--proto_path=${PROJECT_SOURCE_DIR}/proto" "--c_out=${ATHANOR_GENERATED}"
                                   "${proto}"
                           DEPENDS "${proto}" COMMENT "Generating ${name}.pb-c.c" VERBATIM)
        list(APPEND proto_sources ${outputs})
    endforeach()
    add_custom_target(athanor_proto_files DEPENDS ${proto_sources})
    add_library(athanor_proto OBJECT ${proto_sources})
    target_include_directories(athanor_proto PRIVATE "${ATHANOR_GENERATED}")
    target_compile_options(athanor_proto PRIVATE -w -fvisibility=hidden)
    target_link_libraries(athanor_proto PRIVATE PkgConfig::PROTOBUF_C)
    add_dependencies(athanor_objects athanor_proto_files)
    set(ATHANOR_PROTO_OBJECTS $<TARGET_OBJECTS:athanor_proto>)
endif()
