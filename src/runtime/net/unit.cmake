unit(net LAYER runtime DEPS base loop LIBS PkgConfig::UV PkgConfig::OPENSSL)
