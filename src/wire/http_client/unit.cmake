unit(http_client LAYER wire DEPS base loop net http LIBS PkgConfig::CARES PkgConfig::UV TEST_LIBS PkgConfig::OPENSSL)
