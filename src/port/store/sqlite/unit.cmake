unit(store_sqlite LAYER port DEPS base shard store LIBS PkgConfig::SQLITE PkgConfig::SODIUM TEST_DEPS store_suite schema TEST_LIBS PkgConfig::PROTOBUFC)
