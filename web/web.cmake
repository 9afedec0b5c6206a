# The built widget, console and demo page as one C file: KEFU_WEB_TABLE. build.mjs keeps what it
# built under a hash of all its inputs, so another preset or another work tree does not build again.
if(KEFU_WEB)
    find_program(KEFU_NODE node REQUIRED)
    file(GLOB_RECURSE web_inputs CONFIGURE_DEPENDS
        ${CMAKE_SOURCE_DIR}/web/apps/*.* ${CMAKE_SOURCE_DIR}/web/packages/*.* ${CMAKE_SOURCE_DIR}/proto/*.proto)
    list(FILTER web_inputs EXCLUDE REGEX "/(node_modules|dist)/|/generated\\.ts$")
    set(KEFU_WEB_TABLE ${CMAKE_BINARY_DIR}/web/asset_table.c)
    add_custom_command(OUTPUT ${KEFU_WEB_TABLE}
        COMMAND ${KEFU_NODE} ${CMAKE_SOURCE_DIR}/web/build.mjs ${KEFU_WEB_TABLE}
        DEPENDS ${web_inputs} ${CMAKE_SOURCE_DIR}/web/build.mjs ${CMAKE_SOURCE_DIR}/web/package-lock.json
        COMMENT "web: widget and console" VERBATIM)
    if(KEFU_TESTS)
        add_test(NAME web/check COMMAND ${KEFU_NODE} ${CMAKE_SOURCE_DIR}/web/check.mjs)
        set_tests_properties(web/check PROPERTIES TIMEOUT 300)
    endif()
else()
    set(KEFU_WEB_TABLE ${CMAKE_SOURCE_DIR}/web/asset_table_empty.c)
endif()
