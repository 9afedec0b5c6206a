# The built-in negatives are made from the readable lists.
find_program(PYTHON3 python3 REQUIRED)
file(GLOB intent_lists CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/share/nlu/negatives-*.txt)
set(intent_negatives ${CMAKE_BINARY_DIR}/intent/intent_negatives.c)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/intent)
add_custom_command(
    OUTPUT ${intent_negatives}
    COMMAND ${PYTHON3} ${CMAKE_CURRENT_LIST_DIR}/negatives.py ${intent_lists} ${intent_negatives}
    DEPENDS ${CMAKE_CURRENT_LIST_DIR}/negatives.py ${intent_lists}
    COMMENT "intent: negatives"
    VERBATIM)
unit(intent LAYER domain DEPS base text vector examples LIBS m SOURCES ${intent_negatives})
# Training runs over millions of floats; these files are written for the optimiser.
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/intent_svm.c
    ${CMAKE_CURRENT_LIST_DIR}/intent_svd.c PROPERTIES COMPILE_OPTIONS -O3)
