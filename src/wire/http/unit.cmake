unit(http LAYER wire DEPS base loop net TEST_LIBS PkgConfig::OPENSSL)
