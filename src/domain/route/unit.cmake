unit(route LAYER domain DEPS base expr INCLUDES ${CMAKE_SOURCE_DIR}/include LIBS m)
# Debug builds hold the router to its promises after every event.
target_compile_definitions(kefu_route PRIVATE $<$<CONFIG:Debug>:ROUTE_CHECKED>)
