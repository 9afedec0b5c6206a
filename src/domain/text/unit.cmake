# The tables of Han characters (traditional forms, readings) are made from two readable lists.
find_program(PYTHON3 python3 REQUIRED)
set(text_han_dir ${CMAKE_CURRENT_LIST_DIR})
set(text_han_tables ${CMAKE_BINARY_DIR}/text/text_han_tables.c)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/text)
add_custom_command(
    OUTPUT ${text_han_tables}
    COMMAND ${PYTHON3} ${text_han_dir}/han.py ${text_han_dir}/han_forms.txt
        ${text_han_dir}/han_sounds.txt ${text_han_tables}
    DEPENDS ${text_han_dir}/han.py ${text_han_dir}/han_forms.txt ${text_han_dir}/han_sounds.txt
    COMMENT "text: Han tables"
    VERBATIM)
unit(text LAYER domain DEPS base LIBS PkgConfig::UTF8PROC ${STEMMER_LIBRARY} SOURCES ${text_han_tables})
