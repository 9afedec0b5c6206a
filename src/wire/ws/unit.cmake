unit(ws LAYER wire DEPS base loop net http LIBS PkgConfig::OPENSSL TEST_DEPS shard TEST_LIBS wslay)
