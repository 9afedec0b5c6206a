# The data files of share/ that the program carries in itself, as one C file: KEFU_SHARE_TABLE.
set(KEFU_SHARE_TABLE ${CMAKE_BINARY_DIR}/share_table.c)
file(GLOB share_files RELATIVE ${CMAKE_SOURCE_DIR}/share CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/share/demo/*.csv ${CMAKE_SOURCE_DIR}/share/demo/*.json
    ${CMAKE_SOURCE_DIR}/share/demo/*.jsonl ${CMAKE_SOURCE_DIR}/share/nlu/negatives-*.txt
    ${CMAKE_SOURCE_DIR}/share/flows/*.yaml ${CMAKE_SOURCE_DIR}/share/flows/stories/*.yaml
    ${CMAKE_SOURCE_DIR}/share/nlu/demo/intents.json ${CMAKE_SOURCE_DIR}/share/nlu/demo/demo-train.*.tsv)
set(share_arguments "")
set(share_inputs "")
foreach(share_file IN LISTS share_files)
    list(APPEND share_arguments ${share_file}=${CMAKE_SOURCE_DIR}/share/${share_file})
    list(APPEND share_inputs ${CMAKE_SOURCE_DIR}/share/${share_file})
endforeach()
add_custom_command(OUTPUT ${KEFU_SHARE_TABLE}
    COMMAND ${CMAKE_SOURCE_DIR}/tools/embed ${KEFU_SHARE_TABLE} ${share_arguments}
    DEPENDS ${share_inputs} ${CMAKE_SOURCE_DIR}/tools/embed
    COMMENT "share: data in the program" VERBATIM)
