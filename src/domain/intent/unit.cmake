# The built-in negatives, classes of words and function words are made from the readable lists.
find_program(PYTHON3 python3 REQUIRED)
file(GLOB intent_negatives CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/share/nlu/negatives-*.txt)
file(GLOB intent_classes CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/share/nlu/words-*.txt)
file(GLOB intent_function_words CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/share/nlu/function-words-*.txt)
set(intent_lists ${CMAKE_BINARY_DIR}/intent/intent_lists.c)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/intent)
add_custom_command(
    OUTPUT ${intent_lists}
    COMMAND ${PYTHON3} ${CMAKE_CURRENT_LIST_DIR}/lists.py ${intent_lists} negatives
        ${intent_negatives} classes ${intent_classes} function_words ${intent_function_words}
    DEPENDS ${CMAKE_CURRENT_LIST_DIR}/lists.py ${intent_negatives} ${intent_classes}
        ${intent_function_words}
    COMMENT "intent: lists"
    VERBATIM)
unit(intent LAYER domain DEPS base text vector examples LIBS m SOURCES ${intent_lists})
# Training runs over millions of floats; these files are written for the optimiser.
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/intent_svm.c
    ${CMAKE_CURRENT_LIST_DIR}/intent_svd.c ${CMAKE_CURRENT_LIST_DIR}/intent_net.c
    ${CMAKE_CURRENT_LIST_DIR}/intent_train.c PROPERTIES COMPILE_OPTIONS -O3)
