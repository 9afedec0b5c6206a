unit(intent LAYER domain DEPS base text vector examples LIBS m)
# Training runs over millions of floats; these files are written for the optimiser.
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/intent_svm.c PROPERTIES COMPILE_OPTIONS -O3)
