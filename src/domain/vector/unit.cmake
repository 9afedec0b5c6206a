unit(vector LAYER domain DEPS base LIBS m)
# One file per instruction set; vector_kernel.c asks the processor before it hands one out. The
# kernels are written for the optimiser, so they are optimised in every build.
set(vector_avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mavx512vpopcntdq -mfma
    -mprefer-vector-width=512)
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/vector_portable.c
    ${CMAKE_CURRENT_LIST_DIR}/vector_neon.c ${CMAKE_CURRENT_LIST_DIR}/vector_query.c
    ${CMAKE_CURRENT_LIST_DIR}/vector_top.c ${CMAKE_CURRENT_LIST_DIR}/vector_multiply.c
    PROPERTIES COMPILE_OPTIONS -O3)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/vector_avx2.c
        PROPERTIES COMPILE_OPTIONS "-O3;-mavx2;-mfma;-mpopcnt")
    set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/vector_avx512.c
        PROPERTIES COMPILE_OPTIONS "-O3;${vector_avx512}")
endif()
