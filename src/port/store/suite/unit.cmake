unit(store_suite LAYER port DEPS base schema store LIBS PkgConfig::PROTOBUFC)
