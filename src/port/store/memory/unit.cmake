unit(store_memory LAYER port DEPS base store TEST_DEPS store_suite schema TEST_LIBS PkgConfig::PROTOBUFC)
