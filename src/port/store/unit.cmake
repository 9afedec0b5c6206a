unit(store LAYER port DEPS base LIBS PkgConfig::UTF8PROC TEST_DEPS schema TEST_LIBS PkgConfig::PROTOBUFC)
