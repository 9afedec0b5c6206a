unit(ws LAYER wire DEPS base loop net http LIBS PkgConfig::OPENSSL TEST_LIBS wslay)
